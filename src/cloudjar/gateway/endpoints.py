"""Endpoints: each world's own port, kept across restarts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from cloudjar.gateway.server import Server
from cloudjar.gateway.tls import Authority
from cloudjar.kernel.worlds import DEFAULT, Worlds
from cloudjar.wire.http import Request, Response

_ANYWHERE = ("0.0.0.0", "::", "")

AnswerTo = Callable[[str, Request], Coroutine[Any, Any, Response]]
"""(world's name, request) -> its answer."""


class Endpoints:
    """The listening servers of one jar, by world."""

    def __init__(
        self, worlds: Worlds, answer: AnswerTo, *, listen: Sequence[str], tls: Authority, log: logging.Logger, clock: Callable[[], float]
    ) -> None:
        self.listen = tuple(listen)
        self._worlds = worlds
        self._answer = answer
        self._tls = tls
        self._log = log
        self._clock = clock
        self._servers: dict[str, Server] = {}
        self._inside: dict[str, Server] = {}
        self._opening = asyncio.Lock()

    async def open(self, name: str, port: int | None = None) -> int:
        """Gives a world its endpoint, if it has none; returns the port.

        Without `port` it is the one that the world had last, if that is free, else the system's choice. Raises OSError.
        """
        async with self._opening:
            if name in self._servers:
                return self._servers[name].port
            remembered = self._worlds.info(name).port if port is None and name != DEFAULT else 0
            try:
                server = await self._start(name, port or remembered)
            except OSError:
                if not remembered:
                    raise
                self._log.warning("port %d of world %s is taken; it gets another", remembered, name)
                server = await self._start(name, 0)
            self._servers[name] = server
        if name != DEFAULT and server.port != remembered:
            self._worlds.remember_port(name, server.port)
        return server.port

    def inside(self, name: str, answer: AnswerTo) -> Server:
        """A world's server for its sandboxes, on their own networks only, with the answers that are given there."""
        server = self._inside.get(name)
        if server is None:
            server = self._inside[name] = Server(partial(answer, name), host=(), tls=self._tls, log=self._log, clock=self._clock)
        return server

    async def reopen(self) -> None:
        """Opens the endpoints that worlds had when the jar last ran, and the worlds with them: their timers go on."""
        for name in self._worlds.names():
            if name != DEFAULT and self._worlds.info(name).port and name not in self._servers:
                try:
                    self._worlds.open(name)
                    await self.open(name)
                except Exception as problem:  # the rim: one broken world must not keep the others away
                    self._log.error("world %s cannot be opened", name, exc_info=problem)

    async def close(self, name: str, grace_seconds: float) -> None:
        """Takes a world's endpoint away, when the requests in work are done."""
        for servers in (self._servers, self._inside):
            server = servers.pop(name, None)
            if server is not None:
                await server.stop(grace_seconds)

    async def close_all(self, grace_seconds: float) -> None:
        """The same for all of them."""
        await asyncio.gather(*(self.close(name, grace_seconds) for name in {*self._servers, *self._inside}))

    def port(self, name: str) -> int | None:
        """The port of a world's endpoint, or None if it has none now."""
        server = self._servers.get(name)
        return server.port if server else None

    def url(self, name: str) -> str | None:
        """Where clients of this machine reach a world, or None if it has no endpoint now."""
        port = self.port(name)
        if port is None:
            return None
        local = any(host in _ANYWHERE or host == "localhost" or host.startswith("127.") for host in self.listen)
        return f"http://{'localhost' if local else self.listen[0]}:{port}"

    async def _start(self, name: str, port: int) -> Server:
        server = Server(partial(self._answer, name), host=self.listen, port=port, tls=self._tls, log=self._log, clock=self._clock)
        await server.start()
        return server
