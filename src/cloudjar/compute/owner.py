"""Names that say whose a cgroup or a directory is, so that the next jar can sweep what a dead one left."""

from __future__ import annotations

import os
import re

_NAME = re.compile(r"cloudjar-(\d+)-(\d+)-(\d+)")


def _started(pid: int) -> str | None:
    """The kernel's start time of a process in ticks since boot; None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            # The second field is the program's name, which may hold spaces and parentheses.
            return stat.read().rpartition(b")")[2].split()[19].decode()
    except OSError:
        return None


def owner_name(number: int) -> str:
    """A name for the `number`th set of things that this process owns. Unlike a pid alone, it is never used again."""
    return f"cloudjar-{os.getpid()}-{_started(os.getpid()) or 0}-{number}"


def is_orphan(name: str) -> bool:
    """Whether `name` was given by `owner_name` in a process that is no more."""
    match = _NAME.fullmatch(name)
    if match is None:
        return False
    pid, started = int(match[1]), match[2]
    if started != "0":
        return _started(pid) != started
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
