"""One sandbox's resolver, on sockets inside its network, in the jar's own event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

from cloudjar.planes.dns import message

RESOLV_CONF = Path("/etc/resolv.conf")
PORT = 53
IN_WORK = 64
"""How many questions of one sandbox may be out at once; more are refused."""
_PATIENCE_SECONDS = 5.0
_LARGEST_PACKET = 65535
_CONVERSATIONS = 16


class Resolver:
    """Answers on a UDP and a listening TCP socket. Names that are not the jar's go to the servers that there are for them."""

    def __init__(self, address: str, servers: Callable[[], Awaitable[list[str]]]) -> None:
        """`address` is where the jar answers; `servers` says who is asked for the rest: where there is nobody, the rest fails."""
        self._address = address
        self._servers = servers
        self._in_work: set[asyncio.Task[None]] = set()
        self._conversations: set[asyncio.Task[None]] = set()
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None

    async def listen(self, udp: socket.socket, tcp: socket.socket) -> None:
        """Begins. The sockets are the resolver's from here on."""
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Packets(self), sock=udp)
        self._tcp = await asyncio.start_server(self._converse, sock=tcp)

    def close(self) -> None:
        """No more answers."""
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
        for task in self._in_work | self._conversations:
            task.cancel()

    def packet(self, data: bytes, sender: Any) -> None:
        """A question by UDP."""
        query = message.read(data)
        if query is None or self._udp is None:
            return
        address = message.address_of(query.name, self._address)
        if address is not None:
            self._udp.sendto(message.answer(query, address), sender)
        elif len(self._in_work) >= IN_WORK:
            self._udp.sendto(message.failure(query, message.REFUSED), sender)
        else:
            task = asyncio.get_running_loop().create_task(self._pass_on(query, sender))
            self._in_work.add(task)
            task.add_done_callback(self._in_work.discard)

    async def _pass_on(self, query: message.Query, sender: Any) -> None:
        answer = message.failure(query, message.SERVFAIL)
        for server in await self._servers():
            try:
                answer = await asyncio.wait_for(_ask(query, server), _PATIENCE_SECONDS)
                break
            except OSError:
                continue
        if self._udp is not None and not self._udp.is_closing():
            self._udp.sendto(answer, sender)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Questions by TCP, each with its length before it: what is too long for UDP."""
        task = asyncio.current_task()
        if task is None or len(self._conversations) >= _CONVERSATIONS:
            writer.close()
            return
        self._conversations.add(task)
        try:
            while True:
                size = int.from_bytes(await asyncio.wait_for(reader.readexactly(2), _PATIENCE_SECONDS), "big")
                query = message.read(await asyncio.wait_for(reader.readexactly(size), _PATIENCE_SECONDS))
                if query is None:
                    return
                answer = await self._find(query)
                writer.write(len(answer).to_bytes(2, "big") + answer)
                await writer.drain()
        except (OSError, EOFError):
            # It has said all, or nothing for too long.
            return
        finally:
            self._conversations.discard(task)
            writer.close()

    async def _find(self, query: message.Query) -> bytes:
        address = message.address_of(query.name, self._address)
        if address is not None:
            return message.answer(query, address)
        for server in await self._servers():
            try:
                return await asyncio.wait_for(_ask_by_tcp(query, server), _PATIENCE_SECONDS)
            except (OSError, EOFError):
                continue
        return message.failure(query, message.SERVFAIL)


class _Packets(asyncio.DatagramProtocol):
    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._resolver.packet(data, addr)


class _Answer(asyncio.DatagramProtocol):
    """Waits for the answer to one question, from the one server that was asked."""

    def __init__(self, query: message.Query) -> None:
        self._query = query
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.DatagramTransport, transport).sendto(self._query.packet)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if not self.answer.done() and message.is_answer_to(self._query, data):
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def _ask(query: message.Query, server: str) -> bytes:
    """A port of its own for each question: an answer that was guessed from outside does not find it."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: _Answer(query), remote_addr=(server, PORT))
    try:
        return await protocol.answer
    finally:
        transport.close()


async def _ask_by_tcp(query: message.Query, server: str) -> bytes:
    reader, writer = await asyncio.open_connection(server, PORT)
    try:
        writer.write(len(query.packet).to_bytes(2, "big") + query.packet)
        size = int.from_bytes(await reader.readexactly(2), "big")
        return await reader.readexactly(min(size, _LARGEST_PACKET))
    finally:
        writer.close()


def machine_servers() -> list[str]:
    """The name servers of this machine."""
    try:
        return message.name_servers(RESOLV_CONF.read_text(errors="replace"))
    except OSError:
        return []
