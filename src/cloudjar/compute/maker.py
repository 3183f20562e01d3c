"""Small processes that make things of the kernel's for the jar, and hand them over: the jar's end of the conversation.

One packet asks, one answers: JSON, with descriptors beside it. Most of the work is waiting for the kernel, so each question is worked on
by a thread of its own, and answers come in any order, under their question's number. The very first packet answers nothing: it says
whether the process can do its work here.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Sequence

from cloudjar.compute.spawn import Program, Spawner


class Maker:
    """The jar's side of a small process that makes what the kernel gives to its owner: namespaces, disks. It is started at first need."""

    def __init__(self, spawner: Spawner, program: str, what: str, arguments: Sequence[str] = ()) -> None:
        """`program` is its file, `what` is what it makes, for people."""
        self._spawner = spawner
        self._program = program
        self._what = what
        self._arguments = arguments
        self._closed = False
        self._channel: socket.socket | None = None
        self._waiting: dict[int, asyncio.Future[list[int]]] = {}
        self._number = 0
        self._starting: asyncio.Task[None] | None = None
        self.owner = -1
        """The user namespace that it has made, for what it makes; -1 where it needs none."""

    async def ask(self, request: dict[str, object], descriptors: Sequence[int] = ()) -> list[socket.socket]:
        """The sockets of the answer. Raises OSError."""
        return [socket.socket(fileno=fd) for fd in await self.ask_descriptors(request, descriptors)]

    async def ask_descriptors(self, request: dict[str, object], descriptors: Sequence[int] = ()) -> list[int]:
        """The answer's descriptors, which are the caller's to close. Raises OSError."""
        if self._closed:
            raise OSError(f"the maker {self._what} has been closed")
        if self._channel is None:
            if self._starting is None:
                self._starting = asyncio.get_running_loop().create_task(self._start())
                self._starting.add_done_callback(self._started)
            await asyncio.shield(self._starting)
        assert self._channel is not None
        self._number += 1
        answer = self._expect(self._number)
        socket.send_fds(self._channel, [json.dumps({**request, "id": self._number}).encode()], descriptors)
        return await answer

    def _started(self, _: asyncio.Task[None]) -> None:
        self._starting = None

    def _expect(self, number: int) -> asyncio.Future[list[int]]:
        answer: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        return answer

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        program = Program(argv=[sys.executable, "-I", "-S", self._program, *self._arguments], env={})
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
        owner = await self._expect(0)
        self.owner = owner[0] if owner else -1

    def _receive(self, channel: socket.socket) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(channel, 1 << 16, 16, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        if not data:
            self._reset()
            return
        told = json.loads(data)
        answer, error = self._waiting.pop(told["id"]), told["error"]
        if answer.done():
            # Whoever asked has been cancelled.
            for descriptor in descriptors:
                os.close(descriptor)
        elif error:
            answer.set_exception(OSError(error))
        else:
            answer.set_result(descriptors)

    def close(self) -> None:
        """Lets the process end, and starts no other; what it has made stays."""
        self._closed = True
        self._reset()

    def _reset(self) -> None:
        if self._channel is None:
            return
        asyncio.get_running_loop().remove_reader(self._channel)
        self._channel.close()
        self._channel = None
        if self.owner >= 0:
            os.close(self.owner)
            self.owner = -1
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(OSError(f"the maker {self._what} has ended"))
