"""`cloudjar clock`: a world's time."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from cloudjar.cli import show as output
from cloudjar.cli.client import find


def show(args: Namespace, environ: Mapping[str, str]) -> int:
    return _print(args, find(args, environ).get("/_cloudjar/clock", world=args.world))


def freeze(args: Namespace, environ: Mapping[str, str]) -> int:
    return _post(args, environ, "freeze")


def resume(args: Namespace, environ: Mapping[str, str]) -> int:
    return _post(args, environ, "resume")


def set(args: Namespace, environ: Mapping[str, str]) -> int:
    return _post(args, environ, "set", to=args.to)


def advance(args: Namespace, environ: Mapping[str, str]) -> int:
    return _post(args, environ, "advance", by=args.by)


def rate(args: Namespace, environ: Mapping[str, str]) -> int:
    return _post(args, environ, "rate", rate=args.rate)


def autojump(args: Namespace, environ: Mapping[str, str]) -> int:
    return _post(args, environ, "autojump", on=args.switch == "on")


def hold(args: Namespace, environ: Mapping[str, str]) -> int:
    return _post(args, environ, "hold", name=args.name)


def release(args: Namespace, environ: Mapping[str, str]) -> int:
    return _post(args, environ, "release", name=args.name)


def _post(args: Namespace, environ: Mapping[str, str], verb: str, **members: Any) -> int:
    return _print(args, find(args, environ).post(f"/_cloudjar/clock/{verb}", members, world=args.world))


def _print(args: Namespace, clock: dict[str, Any]) -> int:
    if args.json:
        output.as_json(clock)
        return 0
    pace = "frozen" if clock["frozen"] else "real time" if clock["rate"] == 1 else f"{clock['rate']:g} times real time"
    if clock["autojump"]:
        pace += ", jumping to the next timer whenever nothing runs"
    output.facts(
        [
            ("now", clock["now"]),
            ("pace", pace),
            ("holds", ", ".join(clock["holds"]) or None),
            ("next timer", clock["next_timer"]),
        ]
    )
    return 0
