"""`cloudjar world`: worlds and snapshots of a running jar."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloudjar.cli import show
from cloudjar.cli.client import find
from cloudjar.cli.problem import Problem


def list(args: Namespace, environ: Mapping[str, str]) -> int:
    found = find(args, environ).get("/_cloudjar/worlds")
    if args.json:
        show.as_json(found)
        return 0
    rows = [(row["name"], row["parent"], row["endpoint"] or "none") for row in found["worlds"]]
    rows += [(name, "", "snapshot") for name in found["snapshots"]]
    show.table(("world", "parent", "endpoint"), rows)
    return 0


def fork(args: Namespace, environ: Mapping[str, str]) -> int:
    made = find(args, environ).post("/_cloudjar/worlds/fork", {"name": args.name, "from": args.source})
    return _said(args, made, f"{made['name']} is at {made['endpoint']}")


def save(args: Namespace, environ: Mapping[str, str]) -> int:
    made = find(args, environ).post("/_cloudjar/worlds/save", {"snapshot": args.snapshot, "world": args.world})
    return _said(args, made, f"{args.world} is saved as {args.snapshot}")


def restore(args: Namespace, environ: Mapping[str, str]) -> int:
    made = find(args, environ).post("/_cloudjar/worlds/restore", {"snapshot": args.snapshot, "world": args.world})
    return _said(args, made, f"{args.world} is as it was in {args.snapshot}")


def reset(args: Namespace, environ: Mapping[str, str]) -> int:
    made = find(args, environ).post("/_cloudjar/worlds/reset", {"world": args.world})
    return _said(args, made, f"{args.world} is empty")


def drop(args: Namespace, environ: Mapping[str, str]) -> int:
    made = find(args, environ).post("/_cloudjar/worlds/drop", {"snapshot" if args.snapshot else "name": args.name})
    return _said(args, made, f"{args.name} is gone")


def export(args: Namespace, environ: Mapping[str, str]) -> int:
    file = Path(args.file)
    try:
        size = find(args, environ).download("/_cloudjar/worlds/export", file, world=args.world)
    except OSError as problem:
        raise Problem(f"Cannot write {file}: {problem.strerror}.") from None
    return _said(args, {"world": args.world, "file": str(file), "bytes": size}, f"{args.world} is in {file} ({size / 1e6:.1f} MB)")


def import_(args: Namespace, environ: Mapping[str, str]) -> int:
    file = Path(args.file)
    if not file.is_file():
        raise Problem(f"There is no file {file}.")
    made = find(args, environ).upload("/_cloudjar/worlds/import", file, name=args.name)
    return _said(args, made, f"{made['name']} is at {made['endpoint']}")


def _said(args: Namespace, made: Any, text: str) -> int:
    show.as_json(made) if args.json else show.say(text)
    return 0
