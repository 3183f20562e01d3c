"""Networks of sandboxes' own: namespaces, ready before they are wanted, with the jar's sockets inside.

What is in a namespace can talk to itself and to what the jar answers on the sockets that it holds there, and to nothing
else: not to the host's loopback interface, not to another sandbox.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from cloudjar.compute import netns
from cloudjar.compute.driver import Unsupported
from cloudjar.compute.maker import Maker
from cloudjar.compute.spawn import Spawner
from cloudjar.compute.spec import HOST, Mount, Spec
from cloudjar.compute.uplink import Uplink, refused_networks

ADDRESS = "169.254.78.1"
"""Where the jar is, in every network: link-local, as AWS's own services inside a sandbox are."""
ENDPOINT_PORT = 4566
READY = 4
"""How many wait for a sandbox. One costs the kernel about half a megabyte, and one to three milliseconds to make."""
REFILL_SECONDS = 0.1
"""They are made again when no other was wanted for so long: not while what they were wanted for starts."""

_SOCKETS = (
    ("udp", ADDRESS, 53),
    ("tcp", ADDRESS, 53),
    ("tcp", ADDRESS, 80),
    ("tcp", ADDRESS, 443),
    # On every address: `localhost` is where users of LocalStack look for it.
    ("tcp", "0.0.0.0", ENDPOINT_PORT),
)

_RESOLV_CONF = f"nameserver {ADDRESS}\noptions timeout:5 attempts:2\n".encode()
# sandbox.localdomain is the name by which AWS's Telemetry API finds what listens inside.
_HOSTS = b"127.0.0.1\tlocalhost sandbox sandbox.localdomain\n"


def why_not() -> str:
    """Why there are no networks of sandboxes' own on this machine; "" if there are."""
    if not os.path.exists("/proc/self/ns/net"):
        return "the kernel has no network namespaces"
    try:
        restricted = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").read_text().strip() == "1"
    except OSError:
        restricted = False
    if os.geteuid() != 0 and restricted:
        return "AppArmor lets ordinary users' programs make no network namespaces (kernel.apparmor_restrict_unprivileged_userns)"
    return ""


class Network:
    """One sandbox's own network. Whoever asked for it closes it."""

    def __init__(self, id: str, namespace: int, sockets: Sequence[socket.socket], maker: Maker, uplink: Uplink) -> None:
        self.id = id
        self.namespace = namespace
        """A descriptor; -1 once it is closed."""
        self.resolver, self.resolver_tcp = sockets[:2]
        """The sockets for the resolver inside, UDP and TCP."""
        self.endpoint = tuple(sockets[2:])
        """The listening sockets for the AWS endpoint inside."""
        self.files: dict[str, bytes] = {"/etc/resolv.conf": _RESOLV_CONF, "/etc/hosts": _HOSTS}
        """What every sandbox in it shows: small files,"""
        self.mounts: tuple[Mount, ...] = ()
        """and what else there is to see."""
        self.env: dict[str, str] = {}
        """Variables that programs there may want. No driver sets them: they are for whoever writes the spec."""
        self._maker = maker
        self._uplink = uplink
        self._on_close: list[Callable[[], None]] = [uplink.close, *(s.close for s in sockets)]

    def dress(self, spec: Spec) -> Spec:
        """The spec with what is to be seen in this network. An image of its own keeps its certificates, for now."""
        mounts = self.mounts if spec.rootfs == HOST else ()
        return replace(spec, mounts=(*mounts, *spec.mounts), files={**self.files, **spec.files})

    async def has_internet(self) -> bool:
        """Whether more is reached from it than the jar; waits while the way there is being made."""
        return await self._uplink.is_up()

    async def listen(self, address: str, port: int) -> socket.socket:
        """A listening TCP socket inside; the caller closes it. Raises OSError."""
        return (await self._maker.ask({"open": ["tcp", address, port]}, [self.namespace]))[0]

    async def connect(self, port: int, address: str = "127.0.0.1") -> socket.socket:
        """A TCP connection to what listens inside; the caller closes it. Raises OSError."""
        client = (await self._maker.ask({"open": ["client", "", 0]}, [self.namespace]))[0]
        try:
            await asyncio.get_running_loop().sock_connect(client, (address, port))
        except BaseException:
            client.close()
            raise
        return client

    def on_close(self, undo: Callable[[], None]) -> None:
        """Has `undo` called at the close, before what was there earlier is undone."""
        self._on_close.append(undo)

    def close(self) -> None:
        """No more answers inside. The namespace is gone when nothing runs there any more."""
        while self._on_close:
            self._on_close.pop()()
        if self.namespace >= 0:
            os.close(self.namespace)
            self.namespace = -1


class Networks:
    """The networks of one driver: some that are ready, and those that sandboxes have."""

    def __init__(self, spawner: Spawner) -> None:
        self._spawner = spawner
        self._maker = Maker(spawner, netns.__file__, "of network namespaces")
        self._ready: deque[Network] = deque()
        self._taken: dict[str, Network] = {}
        self._number = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._filling: asyncio.Task[None] | None = None
        self._closed = False

    async def take(self) -> Network:
        """A network for one sandbox. Raises Unsupported where this machine gives none."""
        try:
            network = self._ready.popleft() if self._ready else await self._make()
        except (OSError, ChildProcessError) as error:
            raise Unsupported(f"no network namespaces: {error}") from error
        self._taken[network.id] = network
        network.on_close(lambda: self._forget(network.id))
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_later(REFILL_SECONDS, self.prepare)
        return network

    def _forget(self, id: str) -> None:
        self._taken.pop(id, None)

    def prepare(self) -> None:
        """Has some ready, in the background."""
        self._alarm = None
        if self._filling is None and not self._closed:
            self._filling = asyncio.get_running_loop().create_task(self._fill())
            self._filling.add_done_callback(self._filled)

    def descriptors(self, id: str) -> list[int]:
        """What has to be entered, in this order, to be in a network that was taken. Raises KeyError."""
        namespace = self._taken[id].namespace
        return [self._maker.owner, namespace] if self._maker.owner >= 0 else [namespace]

    def find(self, id: str) -> Network:
        """One that was taken. Raises KeyError."""
        return self._taken[id]

    def close(self) -> None:
        """Ends all."""
        self._closed = True
        if self._alarm is not None:
            self._alarm.cancel()
        if self._filling is not None:
            self._filling.cancel()
        for network in (*self._ready, *self._taken.values()):
            network.close()
        self._ready.clear()
        self._maker.close()

    async def _fill(self) -> None:
        while len(self._ready) < READY and not self._closed:
            network = await self._make()
            if self._closed:
                network.close()
                return
            self._ready.append(network)

    def _filled(self, task: asyncio.Task[None]) -> None:
        self._filling = None
        if not task.cancelled():
            # Whoever takes one will learn of it.
            task.exception()

    async def _make(self) -> Network:
        plan = {"addresses": [ADDRESS], "reject": refused_networks(), "sockets": _SOCKETS}
        namespace, *sockets = await self._maker.ask_descriptors({"make": plan})
        self._number += 1
        opened = [socket.socket(fileno=fd) for fd in sockets]
        for one in opened:
            one.setblocking(False)
        uplink = Uplink(self._spawner)
        made = Network(f"network-{self._number}", namespace, opened, self._maker, uplink)
        try:
            await uplink.start(namespace, self._maker.owner)
        except (OSError, ChildProcessError):
            made.close()
            raise
        return made
