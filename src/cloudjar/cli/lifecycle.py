"""`cloudjar down`, `status` and `logs`."""

from __future__ import annotations

import signal
import sys
from argparse import Namespace
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from cloudjar.cli import client, show
from cloudjar.cli.problem import FAILED, NOT_RUNNING, Problem
from cloudjar.cli.up import running_home
from cloudjar.gateway.home import Home
from cloudjar.kernel.clock import monotonic_seconds, pause

POLL_SECONDS = 0.02


def down(args: Namespace, environ: Mapping[str, str]) -> int:
    """Ends the jar gracefully, and waits for its end."""
    home = Home(running_home(args, environ))
    note = ready_note(home, args.timeout)
    if note is None:
        show.as_json({"stopped": False}) if args.json else show.say(f"No jar runs in {home.directory}.")
        return 0
    home.signal(signal.SIGTERM)
    killed = not _wait_for_end(home, args.timeout)
    if killed:
        home.signal(signal.SIGKILL)
        if not _wait_for_end(home, args.timeout):
            raise Problem(f"Process {note['pid']} does not end.")
    if args.json:
        show.as_json({"stopped": True, "killed": killed, "pid": note["pid"]})
    else:
        show.say(f"cloudjar has ended{' (it took too long, and was killed)' if killed else ''}.")
    return 0


def status(args: Namespace, environ: Mapping[str, str]) -> int:
    """Says whether a jar runs, and where; the exit code says it too."""
    home = Home(running_home(args, environ))
    try:
        jar = client.find(args, environ)
        found = jar.get("/_cloudjar/info")
    except Problem as problem:
        starting = not args.endpoint and problem.code == NOT_RUNNING and home.taken()
        message = "A jar is just starting or ending." if starting else str(problem)
        code = FAILED if starting else problem.code
        show.as_json({"running": False, "message": message}) if args.json else show.say(message)
        return code
    if args.json:
        show.as_json({"running": True, "endpoint": jar.endpoint, **found})
        return 0
    memory = found["memory_bytes"]
    show.facts(
        [
            ("cloudjar", f"{found['version']} is running (process {found['pid']})"),
            ("endpoint", jar.endpoint),
            ("data", found["data"] or "kept in a temporary directory, gone when it ends"),
            ("worlds", found["worlds"]),
            ("services", ", ".join(found["services"])),
            ("uptime", _span(found["uptime_seconds"])),
            ("memory", f"{memory / 1e6:.0f} MB" if memory else None),
        ]
    )
    return 0


def logs(args: Namespace, environ: Mapping[str, str]) -> int:
    """Shows the end of the log; with --follow, goes on until interrupted."""
    home = Home(running_home(args, environ))
    try:
        file = home.log.open(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        raise Problem(f"There is no log in {home.directory}: no jar has run there in the background.") from None
    with file:
        for line in deque(file, maxlen=max(args.lines, 0)):
            _print_line(line, args.json)
        sys.stdout.flush()
        if args.follow:
            for line in _following(file):
                _print_line(line, args.json)
                sys.stdout.flush()
    return 0


def ready_note(home: Home, timeout: float) -> dict[str, Any] | None:
    """The note of the jar that runs; of one that is just starting, when it is ready."""
    end = monotonic_seconds() + timeout
    while (note := home.note()) is None and home.taken():
        if monotonic_seconds() > end:
            raise Problem(f"A jar in {home.directory} neither answers nor ends. Its log: {home.log}")
        pause(POLL_SECONDS)
    return note


def _wait_for_end(home: Home, timeout: float) -> bool:
    end = monotonic_seconds() + timeout
    while home.taken():
        if monotonic_seconds() > end:
            return False
        pause(POLL_SECONDS)
    return True


def _following(file: TextIO) -> Iterator[str]:
    while True:
        line = file.readline()
        if line:
            yield line
        else:
            pause(POLL_SECONDS * 10)


def _print_line(line: str, as_json: bool) -> None:
    if as_json:
        import json

        print(json.dumps({"line": line.rstrip("\n")}))
    else:
        sys.stdout.write(line)


def _span(seconds: float) -> str:
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (left, "s")) if count]
    return " ".join(parts[:2]) or "less than a second"
