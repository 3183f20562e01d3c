"""The Internet for a network of its own: slirp4netns, a user-space router that needs no privilege and changes nothing of the host.

It carries what the sandbox sends as connections of its own from the host. It refuses the host's loopback interface itself; all
else of the host, and what is near it, the namespace's routes refuse (`refused_networks`).
"""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from cloudjar.compute.output import Reader
from cloudjar.compute.spawn import Ended, Program, Spawner

_PROGRAM = "slirp4netns"
_PATH = "/usr/bin:/bin:/usr/local/bin:/usr/sbin:/sbin"
_DEVICE = "/dev/net/tun"
INSTALL = "apt-get install slirp4netns, or dnf install slirp4netns"

# What a function outside a VPC cannot reach on AWS either: private, shared and link-local addresses, and multicast.
_PRIVATE = ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/4")
# slirp4netns' own resolver, in its own network, 10.0.2.0/24.
_RESOLVER = "10.0.2.3/32"


def program() -> str | None:
    """Where slirp4netns is."""
    return shutil.which(_PROGRAM, path=_PATH)


def why_not() -> str:
    """Why sandboxes have no Internet on this machine; "" if they have what the machine has."""
    if program() is None:
        return f"{_PROGRAM} is not installed"
    if not os.access(_DEVICE, os.R_OK | os.W_OK):
        return f"{_DEVICE} may not be opened by this user"
    return ""


def refused_networks(fib_trie: str | None = None) -> list[str]:
    """Where sandboxes' packets never go: private networks, and every address that the host has now. Takes /proc/net/fib_trie's text."""
    if fib_trie is None:
        try:
            fib_trie = Path("/proc/net/fib_trie").read_text()
        except OSError:
            fib_trie = ""
    own, address = set(), ""
    for line in fib_trie.splitlines():
        words = line.split()
        if words[:1] == ["|--"]:
            address = words[1]
        elif words[:3] == ["/32", "host", "LOCAL"] and not address.startswith("127."):
            own.add(f"{address}/32")
    return [*_PRIVATE, _RESOLVER, *sorted(own)]


class Uplink:
    """One network's way out."""

    def __init__(self, spawner: Spawner) -> None:
        self._spawner = spawner
        self._exit = -1
        self._up: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def is_up(self) -> bool:
        """Whether there is a way out: waits for it while it is being made."""
        return await asyncio.shield(self._up)

    async def start(self, namespace: int, owner: int) -> None:
        """Begins to make it; `owner` is the user namespace that the network belongs to, or -1. Raises OSError, ChildProcessError."""
        found = program()
        if found is None or why_not():
            self._up.set_result(False)
            return
        ready = Reader(lambda _: self._settle(True))
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        watched, self._exit = os.pipe2(os.O_CLOEXEC)
        argv = [found, "--configure", "--mtu=65520", "--disable-host-loopback", "--disable-dns", "--enable-sandbox", "--enable-seccomp"]
        argv += ["--ready-fd=3", "--exit-fd=4", "--netns-type=path"]
        descriptors = [null, null, null, ready.writer, watched, namespace]
        if owner >= 0:
            argv.append("--userns-path=/proc/self/fd/6")
            descriptors.append(owner)

        def ended(_: Ended) -> None:
            ready.finish()
            self._settle(False)

        try:
            await self._spawner.start(Program(argv=[*argv, "/proc/self/fd/5", "tap0"], env={}), descriptors, ended)
        except BaseException:
            self._settle(False)
            self.close()
            raise
        finally:
            ready.close_writer()
            for descriptor in (null, watched):
                os.close(descriptor)

    def _settle(self, up: bool) -> None:
        if not self._up.done():
            self._up.set_result(up)

    def close(self) -> None:
        """Ends it: it watches the other end of this pipe."""
        self._settle(False)
        if self._exit >= 0:
            os.close(self._exit)
            self._exit = -1
