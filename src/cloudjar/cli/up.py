"""`cloudjar up`: starts a jar, in the background by a fork of this process, so that no second interpreter has to start."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudjar.cli.problem import FAILED, HOME_TAKEN, PORT_TAKEN, USAGE, Problem

if TYPE_CHECKING:
    from argparse import Namespace

    from cloudjar.gateway.daemon import Options

LOG_BYTES = 10 << 20
"""A log longer than this is put aside at the next start."""
START_SECONDS = 30.0
"""How long another `cloudjar up` on the same home is waited for."""
LOCALSTACK_INIT = Path("/etc/localstack/init")
_CODES = {"PortTaken": PORT_TAKEN, "HomeTaken": HOME_TAKEN}


def home_directory(args: Namespace, environ: Mapping[str, str], *, ephemeral: bool = False) -> Path:
    """A jar's directory: --data, $CLOUDJAR_DATA, or in the user's data directory; there an ephemeral jar has one of its own, so that it
    can run beside the one that keeps."""
    chosen = args.data or environ.get("CLOUDJAR_DATA")
    if chosen:
        return Path(chosen).expanduser().absolute()
    base = environ.get("XDG_DATA_HOME") or ""
    parent = Path(base) if base.startswith("/") else Path("~/.local/share").expanduser()
    return parent / ("cloudjar-ephemeral" if ephemeral else "cloudjar")


def running_home(args: Namespace, environ: Mapping[str, str]) -> Path:
    """The directory of the jar that a command is about: the ephemeral one's if that alone runs."""
    from cloudjar.gateway.home import Home

    home = home_directory(args, environ)
    ephemeral = home_directory(args, environ, ephemeral=True)
    return ephemeral if ephemeral != home and not Home(home).taken() and Home(ephemeral).taken() else home


def up(args: Namespace, environ: Mapping[str, str]) -> int:
    """Starts a jar; returns when it answers, or with --foreground when it has ended."""
    from cloudjar.cli.localstack_names import settings

    given = settings(environ)
    for warning in given.warnings:
        print(f"cloudjar: {warning}", file=sys.stderr)
    ephemeral = args.ephemeral or given.ephemeral
    home = home_directory(args, environ, ephemeral=ephemeral)
    choices = {
        "home": home,
        "ephemeral": ephemeral,
        "listen": tuple(each.strip() for each in args.listen.split(",")) if args.listen else given.listen or ("127.0.0.1",),
        "port": args.port if args.port is not None else given.port if given.port is not None else 4566,
        "iam": args.iam,
        "strict": args.strict,
        "durability": args.durability,
        "seed": args.seed.encode() if args.seed else None,
        "init": _init_directory(args.init),
        "environment": tuple(environ.items()),
    }
    if not all(each.startswith("127.") or each in ("localhost", "::1") for each in choices["listen"]):
        print("cloudjar: whoever reaches it over the network can do everything, on this machine too.", file=sys.stderr)
    if args.foreground:
        return _foreground(choices, given.debug, as_json=args.json)
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(reading)
        _background(choices, given.debug, writing)
    os.close(writing)
    return _wait(reading, args, home, choices["port"])


def _wait(reading: int, args: Namespace, home: Path, port: int) -> int:
    import json

    with open(reading, "rb") as pipe:
        raw = pipe.read()
    note: dict[str, Any] = (
        json.loads(raw) if raw else {"error": "Died", "message": f"The jar died while starting. Its log: {home / 'jar.log'}"}
    )
    if note.get("error") == "HomeTaken":
        return _already(args, home, port)
    if "error" in note:
        raise Problem(note["message"], _CODES.get(note["error"], FAILED), note["error"])
    _report(note, args.json)
    return 0


def _already(args: Namespace, home: Path, port: int) -> int:
    """Nothing to do if the jar that runs there is as it is wanted."""
    from cloudjar.cli.lifecycle import ready_note
    from cloudjar.gateway.home import Home

    note = ready_note(Home(home), START_SECONDS)
    if note is None:
        raise Problem(f"A jar was just starting or ending in {home}. Try again.", HOME_TAKEN, "HomeTaken")
    if (args.port is not None and port not in (0, note["port"])) or (args.ephemeral and note["data"] is not None):
        raise Problem(
            f"Another jar runs already in {home}, at {note['endpoint']} (process {note['pid']}). `cloudjar down` ends it; "
            "--data DIR starts one somewhere else.",
            HOME_TAKEN,
            "HomeTaken",
        )
    _report({**note, "already": True}, args.json)
    return 0


def _report(note: dict[str, Any], as_json: bool) -> None:
    if as_json:
        import json

        print(json.dumps(note))
        return
    print(f"cloudjar {'runs already' if note.get('already') else 'is ready'} at {note['endpoint']} (process {note['pid']})")
    print(f"  data      {note['data'] or 'kept in a temporary directory, gone when it ends'}")
    print('  clients   eval "$(cloudjar env)"')


def _background(choices: dict[str, Any], debug: bool, writing: int) -> None:
    """The daemon's side of the fork; never returns."""
    os.setsid()
    code = FAILED
    told = False

    def tell(note: dict[str, object]) -> None:
        nonlocal told
        import json

        os.write(writing, json.dumps(note).encode())
        os.close(writing)
        told = True
        print("Ready.", flush=True)

    try:
        _into_log(choices["home"], keep=writing)
        code = _run(choices, debug, tell)
    except Problem as problem:
        if not told:
            tell({"error": problem.error, "message": str(problem)})
    except OSError as problem:
        if not told:
            tell({"error": "CannotStart", "message": f"Cannot use {choices['home']}: {problem.strerror}. Choose another with --data."})
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _into_log(home: Path, keep: int) -> None:
    """Lets go of the terminal, and of whatever else was inherited."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = home / "jar.log"
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_name("jar.log.1"))
    nothing = os.open(os.devnull, os.O_RDONLY)
    writing = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(nothing, 0)
    os.dup2(writing, 1)
    os.dup2(writing, 2)
    os.closerange(3, keep)
    os.closerange(keep + 1, 1 << 16)
    os.chdir("/")


def _foreground(choices: dict[str, Any], debug: bool, *, as_json: bool) -> int:
    def tell(note: dict[str, object]) -> None:
        _report(note, as_json)
        if not as_json:
            print("Ready.")
        sys.stdout.flush()

    return _run(choices, debug, tell)


def _run(choices: dict[str, Any], debug: bool, tell: Any) -> int:
    # Nothing that a start makes is garbage: to look for it then, and ever again, is time lost.
    gc.disable()
    import logging

    from cloudjar.gateway.daemon import CannotStart, Options, run
    from cloudjar.gateway.home import HomeTaken

    logging.basicConfig(level=logging.DEBUG if debug else logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    options: Options = Options(**choices)

    def ready(note: dict[str, object]) -> None:
        tell(note)
        gc.freeze()
        # What calls leave behind is held for a second, for the trail: to look at it every 700 objects finds nothing.
        gc.set_threshold(10_000, 10, 10)
        gc.enable()

    try:
        run(options, logging.getLogger("cloudjar"), ready)
    except HomeTaken as problem:
        raise Problem(str(problem), HOME_TAKEN, "HomeTaken") from problem
    except CannotStart as problem:
        raise Problem(str(problem), _CODES.get(problem.code, FAILED), problem.code) from problem
    return 0


def _init_directory(chosen: Path | None) -> Path | None:
    if chosen is None:
        return LOCALSTACK_INIT if LOCALSTACK_INIT.is_dir() else None
    if not chosen.is_dir():
        raise Problem(f"{chosen} is not a directory.", USAGE, "BadArgument")
    return chosen.absolute()
