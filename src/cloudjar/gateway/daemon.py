"""The daemon: one process, one event loop, one jar, from start to graceful end."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
import uvloop

from cloudjar import __version__
from cloudjar.gateway.home import Home
from cloudjar.gateway.jar import Jar
from cloudjar.kernel.worlds import DEFAULT, WorldProblem

if TYPE_CHECKING:
    from cloudjar.gateway.init_scripts import InitScripts

GRACE_SECONDS = 10.0
"""How long requests in flight may take when the jar is asked to end."""

OPEN_FILES = 65536


class CannotStart(Exception):
    """The jar cannot start as asked; the text says what to do."""

    def __init__(self, message: str, code: str = "CannotStart") -> None:
        super().__init__(message)
        self.code = code


class Options(msgspec.Struct, frozen=True):
    """What a daemon is started with."""

    home: Path
    """Where the lock, the note and the log are, and, unless `ephemeral`, the worlds."""
    ephemeral: bool = False
    iam: Literal["enforce", "audit", "off"] = "enforce"
    strict: bool = False
    """Refuse the access keys that need no secret."""
    listen: tuple[str, ...] = ("127.0.0.1",)
    port: int = 4566
    durability: str = "second"
    seed: bytes | None = None
    init: Path | None = None
    """A directory with boot.d, start.d, ready.d and shutdown.d."""
    environment: Sequence[tuple[str, str]] = ()
    """What init scripts get besides the jar's own names."""


def run(options: Options, log: logging.Logger, ready: Callable[[dict[str, object]], None]) -> None:
    """Runs a jar until SIGTERM, SIGINT or its own API ends it. `ready` is called once it answers, with its note.

    Raises CannotStart, HomeTaken.
    """
    home = Home(options.home)
    try:
        home.take()
    except OSError as problem:
        raise CannotStart(f"Cannot write to {options.home}: {problem.strerror}. Choose another directory with --data.") from problem
    _allow_open_files()
    try:
        loop = uvloop.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(_run(options, home, log, ready))
        finally:
            loop.close()
    finally:
        home.leave()


async def _run(options: Options, home: Home, log: logging.Logger, ready: Callable[[dict[str, object]], None]) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    directory = options.home / "ephemeral" if options.ephemeral else options.home
    # What a jar that was killed has left.
    shutil.rmtree(options.home / "ephemeral", ignore_errors=True)
    jar = Jar(
        directory,
        ephemeral=options.ephemeral,
        durability=options.durability,
        seed=options.seed,
        listen=options.listen,
        iam=options.iam,
        strict=options.strict,
        log=log,
    )
    jar.end = ended.set
    init = _init_scripts(options, jar)
    later: asyncio.Task[None] | None = None
    try:
        if init is not None:
            await init.run("boot")
        try:
            port = await jar.serve(DEFAULT, port=options.port)
        except OSError as problem:
            raise _cannot_listen(options, problem) from problem
        except WorldProblem as problem:
            raise CannotStart(str(problem), "WorldProblem") from problem
        note: dict[str, object] = {
            "pid": os.getpid(),
            "port": port,
            "endpoint": jar.endpoints.url(DEFAULT),
            "listen": list(options.listen),
            "data": None if options.ephemeral else str(options.home),
            "version": __version__,
        }
        if init is not None:
            init.use_endpoint(str(note["endpoint"]), options.home / "tools")
            await init.run("start")
        home.publish(note)
        ready(note)
        later = loop.create_task(_after_ready(jar))
        await ended.wait()
        # A second signal does not wait for anybody.
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        log.info("Ending: requests in flight have %d seconds.", GRACE_SECONDS)
        if init is not None:
            await init.run("shutdown")
    finally:
        if later is not None:
            later.cancel()
        if init is not None:
            await init.close()
        await jar.stop(GRACE_SECONDS)


def _allow_open_files() -> None:
    """As many as the system lets this user have: a sandbox's network alone takes eight, and the usual soft limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _init_scripts(options: Options, jar: Jar) -> InitScripts | None:
    if options.init is None:
        return None
    from cloudjar.gateway.init_scripts import InitScripts

    jar.init = InitScripts(options.init, dict(options.environment), jar.log)
    return jar.init


async def _after_ready(jar: Jar) -> None:
    """What nobody needs to wait for."""
    await jar.endpoints.reopen()
    if jar.init is not None:
        await jar.init.run("ready")


def _cannot_listen(options: Options, problem: OSError) -> CannotStart:
    import errno

    where = f"{', '.join(options.listen)} port {options.port}"
    if problem.errno == errno.EADDRINUSE:
        return CannotStart(f"Something else listens on {where}. Choose another port with --port, or 0 for any free one.", "PortTaken")
    if problem.errno == errno.EACCES:
        return CannotStart(f"The system does not let you listen on {where}. Choose a port above 1023 with --port.")
    return CannotStart(f"Cannot listen on {where}: {problem.strerror or problem}.")
