"""Networks of sandboxes' own: namespaces, ready before they are wanted, with the jar's sockets inside.

What is in a namespace can talk to itself and to what the jar answers on the sockets that it holds there, and to nothing
else: not to the host's loopback interface, not to another sandbox.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from cloudjar.compute import netns
from cloudjar.compute.driver import Unsupported
from cloudjar.compute.spawn import Program, Spawner
from cloudjar.compute.spec import HOST, Mount, Spec
from cloudjar.compute.uplink import Uplink, refused_networks

ADDRESS = "169.254.78.1"
"""Where the jar is, in every network: link-local, as AWS's own services inside a sandbox are."""
ENDPOINT_PORT = 4566
READY = 4
"""How many wait for a sandbox. One costs the kernel about half a megabyte, and one to three milliseconds to make."""

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


class Maker:
    """The jar's side of the process that makes namespaces; see netns.py. It is started at first need."""

    def __init__(self, spawner: Spawner) -> None:
        self._spawner = spawner
        self._channel: socket.socket | None = None
        self._waiting: deque[asyncio.Future[list[int]]] = deque()
        self._starting: asyncio.Task[None] | None = None
        self.owner = -1
        """The user namespace that the networks belong to, for an ordinary user; -1 for root."""

    async def ask(self, request: dict[str, object], descriptors: Sequence[int] = ()) -> list[socket.socket]:
        """Sockets that were made inside a namespace. Raises OSError."""
        return [socket.socket(fileno=fd) for fd in await self.ask_descriptors(request, descriptors)]

    async def ask_descriptors(self, request: dict[str, object], descriptors: Sequence[int] = ()) -> list[int]:
        """The answer's descriptors, which are the caller's to close. Raises OSError."""
        if self._channel is None:
            if self._starting is None:
                self._starting = asyncio.get_running_loop().create_task(self._start())
                self._starting.add_done_callback(self._started)
            await asyncio.shield(self._starting)
        assert self._channel is not None
        answer = self._expect()
        socket.send_fds(self._channel, [json.dumps(request).encode()], descriptors)
        return await answer

    def _started(self, _: asyncio.Task[None]) -> None:
        self._starting = None

    def _expect(self) -> asyncio.Future[list[int]]:
        answer: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        return answer

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        program = Program(argv=[sys.executable, "-I", "-S", netns.__file__], env={})
        try:
            await self._spawner.start(program, [null, null, null, theirs.fileno()], lambda _: None)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(null)
        self._channel = ours
        loop.add_reader(ours, self._receive, ours)
        owner = await self._expect()
        self.owner = owner[0] if owner else -1

    def _receive(self, channel: socket.socket) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(channel, 1 << 16, 16, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        if not data:
            self.close()
            return
        answer = self._waiting.popleft()
        error = json.loads(data)["error"]
        if answer.done():
            # Whoever asked has been cancelled.
            for descriptor in descriptors:
                os.close(descriptor)
        elif error:
            answer.set_exception(OSError(error))
        else:
            answer.set_result(descriptors)

    def close(self) -> None:
        """Lets the process end; what it has made stays."""
        if self._channel is None:
            return
        asyncio.get_running_loop().remove_reader(self._channel)
        self._channel.close()
        self._channel = None
        if self.owner >= 0:
            os.close(self.owner)
            self.owner = -1
        while self._waiting:
            answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(OSError("the maker of network namespaces has ended"))


class Networks:
    """The networks of one driver: some that are ready, and those that sandboxes have."""

    def __init__(self, spawner: Spawner) -> None:
        self._spawner = spawner
        self._maker = Maker(spawner)
        self._ready: deque[Network] = deque()
        self._taken: dict[str, Network] = {}
        self._number = 0
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
        self.prepare()
        return network

    def _forget(self, id: str) -> None:
        self._taken.pop(id, None)

    def prepare(self) -> None:
        """Has some ready, in the background."""
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
