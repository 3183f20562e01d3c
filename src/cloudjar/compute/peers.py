"""Whose the other end of a connection is: what tells sandboxes apart that share the machine's loopback interface."""

from __future__ import annotations

import os
from collections.abc import Iterable

_TCP = "/proc/net/tcp"
_LOOPBACK = "0100007F"


def inode_of_peer(peer_port: int, own_port: int) -> str:
    """The number of the socket at the other end of a connection of 127.0.0.1 with itself; "" if the kernel shows none (proc(5))."""
    wanted = (f"{_LOOPBACK}:{peer_port:04X}", f"{_LOOPBACK}:{own_port:04X}")
    try:
        with open(_TCP) as table:
            for line in table:
                fields = line.split()
                if (fields[1], fields[2]) == wanted:
                    return fields[9]
    except OSError:
        pass
    return ""


def holds(pids: Iterable[int], inode: str) -> bool | None:
    """Whether one of the processes has the socket open; None where it may not be looked at."""
    name, hidden = f"socket:[{inode}]", False
    for pid in pids:
        try:
            for descriptor in os.listdir(f"/proc/{pid}/fd"):
                try:
                    if os.readlink(f"/proc/{pid}/fd/{descriptor}") == name:
                        return True
                except FileNotFoundError:
                    continue
        except PermissionError:
            hidden = True
        except OSError:
            # It has just ended.
            continue
    return None if hidden else False
