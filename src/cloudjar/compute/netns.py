"""The maker of network namespaces: a small process that makes them, and sockets inside them, and hands both to the jar.

It is run as a program of its own, through the guard (`python -I -S netns.py`), with the standard library only, and talks
over descriptor 3, a socket of whole packets: a JSON request and its descriptors one way, a JSON answer and its descriptors
the other. A namespace has no name and lives as long as somebody holds its descriptor, a socket in it, or runs in it:
nothing is left behind, whatever dies. A socket stays in the namespace where it was made, whoever uses it: so the jar
answers inside without a process there, and nothing is routed.

An ordinary user needs a user namespace to be allowed to: it is made once, at the start, and all networks belong to it.

  {"make": {"addresses": [...], "reject": [...], "sockets": [[kind, address, port], ...]}}  ->  its descriptor, the sockets
  {"open": [kind, address, port]} with a namespace's descriptor                             ->  one socket in it
Kinds: "tcp" listens, "udp" is bound, "client" is a TCP socket that is to be connected.
"""

from __future__ import annotations

import _thread
import ctypes
import fcntl
import json
import os
import socket
import struct
import sys
from typing import Any

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
_SIOCADDRT, _SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK = 0x890B, 0x8913, 0x8914, 0x8916, 0x891C
_IFF_UP = 1
_RTF_UP, _RTF_REJECT = 0x1, 0x200
_RTENTRY = "@L16s16s16sHhLPhPLLH"
"""struct rtentry of <linux/route.h>."""
_BACKLOG = 128

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """unshare(2). Raises OSError."""
    if _libc.unshare(flags):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def enter(descriptor: int, kind: int = CLONE_NEWNET) -> None:
    """setns(2). Raises OSError."""
    if _libc.setns(descriptor, kind):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _sockaddr(address: str) -> bytes:
    return struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))


def _raise_loopback(control: socket.socket, addresses: list[str]) -> None:
    """Takes `lo` up, with further addresses of its own (netdevice(7): an alias carries one each)."""
    name = b"lo".ljust(16, b"\0")
    flags = struct.unpack("=16xH", fcntl.ioctl(control, _SIOCGIFFLAGS, name + bytes(24))[:18])[0]
    fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("=16sH22x", name, flags | _IFF_UP))
    for number, address in enumerate(addresses):
        alias = f"lo:{number}".encode().ljust(16, b"\0")
        fcntl.ioctl(control, _SIOCSIFADDR, alias + _sockaddr(address) + bytes(8))
        fcntl.ioctl(control, _SIOCSIFNETMASK, alias + _sockaddr("255.255.255.255") + bytes(8))


def _reject(control: socket.socket, network: str) -> None:
    """Nothing goes to `network` ("10.0.0.0/8"), whatever route there may come to be for the rest."""
    address, _, bits = network.partition("/")
    mask = socket.inet_ntoa(struct.pack("!I", (0xFFFFFFFF << (32 - int(bits))) & 0xFFFFFFFF))
    empty = _sockaddr("0.0.0.0")
    route = struct.pack(_RTENTRY, 0, _sockaddr(address), empty, _sockaddr(mask), _RTF_UP | _RTF_REJECT, 0, 0, 0, 0, 0, 0, 0, 0)
    fcntl.ioctl(control, _SIOCADDRT, route)


def open_socket(kind: str, address: str, port: int) -> socket.socket:
    """A socket in the namespace that this thread is in. Raises OSError."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    try:
        if kind != "client":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((address, port))
        if kind == "tcp":
            made.listen(_BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def make(plan: dict[str, Any]) -> list[int]:
    """A new namespace, which this thread then is in, and its sockets. Raises OSError."""
    made: list[int] = []
    try:
        unshare(CLONE_NEWNET)
        made.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            _raise_loopback(control, plan["addresses"])
            for network in plan["reject"]:
                _reject(control, network)
        for kind, address, port in plan["sockets"]:
            made.append(open_socket(kind, address, port).detach())
    except BaseException:
        for descriptor in made:
            os.close(descriptor)
        raise
    return made


def _become_owner() -> list[int]:
    """An ordinary user's own user namespace, for those who are to enter its networks; none for root."""
    if os.geteuid() == 0:
        return []
    uid, gid = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER)
    # Nobody but this user is known there, under the same number: what is run there later has no more rights than the user has.
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    return [os.open("/proc/self/ns/user", os.O_RDONLY)]


def serve(channel: socket.socket) -> None:
    """Answers requests until the jar is gone. The first answer is to none: whether it can be done at all, and the user namespace."""
    try:
        owner = _become_owner()
        # Whether it can be done.
        unshare(CLONE_NEWNET)
    except OSError as error:
        _answer(channel, 0, [], error.strerror or str(error))
        return
    _answer(channel, 0, owner)
    while True:
        data, descriptors, _, _ = socket.recv_fds(channel, 1 << 16, 4)
        if not data:
            return
        # Namespaces are a thread's own, and go with it. The kernel lets each wait some 5 to 20 ms for what others do.
        _thread.start_new_thread(_work, (channel, json.loads(data), descriptors))


def _work(channel: socket.socket, request: dict[str, Any], descriptors: list[int]) -> None:
    made: list[int] = []
    problem = ""
    try:
        if "make" in request:
            made = make(request["make"])
        else:
            enter(descriptors[0])
            made = [open_socket(*request["open"]).detach()]
    except OSError as error:
        problem = error.strerror or str(error)
    for descriptor in descriptors:
        os.close(descriptor)
    _answer(channel, request["id"], made, problem)


def _answer(channel: socket.socket, number: int, descriptors: list[int], error: str = "") -> None:
    try:
        socket.send_fds(channel, [json.dumps({"id": number, "error": error}).encode()], descriptors)
    except OSError:
        # The jar is gone.
        pass
    for descriptor in descriptors:
        os.close(descriptor)


if __name__ == "__main__":
    if len(sys.argv) != 1:
        raise SystemExit(__doc__)
    serve(socket.socket(fileno=3))
