"""The resolver of sandboxes: what it reads, what it answers, what it passes on."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

import pytest

from cloudjar.planes.dns import Resolver, message, resolver

T = TypeVar("T")
JAR = "169.254.78.1"


def question(name: str, kind: int = message.A, number: int = 7, *, extra: bytes = b"") -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 1 if extra else 0) + labels + b"\0" + struct.pack("!HH", kind, 1) + extra


@pytest.mark.parametrize(
    ("name", "address"),
    [("s3.amazonaws.com", JAR), ("amazonaws.com", JAR), ("a.b.s3.eu-west-1.amazonaws.com.cn", JAR), ("x.api.aws", JAR),
     ("id.lambda-url.us-east-1.on.aws", JAR), ("localhost.localstack.cloud", JAR), ("localhost", "127.0.0.1"),
     ("my-bucket.localhost", "127.0.0.1"), ("notamazonaws.com", None), ("amazonaws.com.evil.org", None), ("aws.amazon.com", None),
     ("", None)],
)  # fmt: skip
def test_whose_a_name_is(name: str, address: str | None) -> None:
    assert message.address_of(name, JAR) == address


def test_a_question_is_read_in_small_letters() -> None:
    query = message.read(question("S3.AmazonAWS.com"))
    assert query is not None
    assert (query.name, query.type) == ("s3.amazonaws.com", 1)


@pytest.mark.parametrize(
    "packet",
    [b"", b"\0" * 11, question("a")[:-1], question("a")[:14], b"\0\7\x81\0" + question("a")[4:], b"\0\7\x28\0" + question("a")[4:],
     b"\0\7\1\0\0\2" + question("a")[6:], question("a")[:12] + b"\xc0\x0c\0\1\0\1",
     question("a")[:12] + b"\x40" + b"a" * 64 + b"\0\0\1\0\1", question("a")[:12] + b"\x01a" * 200 + b"\0\0\1\0\1",
     question("a")[:-2] + b"\0\3"],
)  # fmt: skip
def test_what_is_no_question_deserves_no_answer(packet: bytes) -> None:
    assert message.read(packet) is None


def test_the_answer_repeats_the_question_and_has_the_address() -> None:
    query = message.read(question("s3.amazonaws.com", extra=b"\0\0\x29\x10\0\0\0\0\0\0\0"))
    assert query is not None
    packet = message.answer(query, JAR)
    number, flags, questions, answers, authorities, more = struct.unpack_from("!HHHHHH", packet)
    assert (number, flags, questions, answers, authorities, more) == (7, 0x8180, 1, 1, 0, 0)
    assert packet.endswith(b"\0\4" + socket.inet_aton(JAR))


def test_there_is_no_ipv6_address() -> None:
    query = message.read(question("s3.amazonaws.com", 28))
    assert query is not None
    assert struct.unpack_from("!HHHHHH", message.answer(query, JAR))[1:4] == (0x8180, 1, 0)


def test_the_name_servers_of_a_machine() -> None:
    assert message.name_servers("# x\nnameserver 10.0.0.1\noptions ndots:2\nnameserver  fe80::1%eth0 # y\nnameserver\n") == [
        "10.0.0.1",
        "fe80::1%eth0",
    ]


def ask(servers: Callable[[], Awaitable[list[str]]], talk: Callable[[int, int], T]) -> T:
    """What a client in a thread of its own gets from a resolver: `talk(UDP port, TCP port)`."""

    async def story() -> T:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        udp.setblocking(False)
        tcp = socket.create_server(("127.0.0.1", 0))
        it = Resolver(JAR, servers)
        ports = udp.getsockname()[1], tcp.getsockname()[1]
        await it.listen(udp, tcp)
        try:
            return await asyncio.get_running_loop().run_in_executor(None, talk, *ports)
        finally:
            it.close()

    return asyncio.run(story())


async def nobody() -> list[str]:
    return []


def by_udp(packet: bytes) -> Callable[[int, int], bytes]:
    def talk(port: int, _: int) -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(30)
            client.sendto(packet, ("127.0.0.1", port))
            return client.recv(4096)

    return talk


def by_tcp(packet: bytes) -> Callable[[int, int], bytes]:
    def talk(_: int, port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), 30) as client:
            client.sendall(len(packet).to_bytes(2, "big") + packet)
            with client.makefile("rb") as answer:
                return answer.read(int.from_bytes(answer.read(2), "big"))

    return talk


@pytest.mark.parametrize("way", [by_udp, by_tcp])
def test_a_name_of_aws_is_answered(way: Callable[[bytes], Callable[[int, int], bytes]]) -> None:
    assert ask(nobody, way(question("sts.amazonaws.com"))).endswith(socket.inet_aton(JAR))


@pytest.mark.parametrize("way", [by_udp, by_tcp])
def test_without_a_way_out_other_names_fail(way: Callable[[bytes], Callable[[int, int], bytes]]) -> None:
    assert ask(nobody, way(question("example.com")))[3] & 15 == message.SERVFAIL


def test_other_names_are_the_machines_servers_to_find(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first server refuses, the second lies about another question first, then answers."""
    asked = []

    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.DatagramTransport, transport)

        def datagram_received(self, data: bytes, addr: object) -> None:
            asked.append(data)
            query = message.read(data)
            assert query is not None
            liar = message.read(question("other.example", number=7))
            assert liar is not None
            self.transport.sendto(message.answer(liar, "192.0.2.66"), addr)
            self.transport.sendto(message.answer(query, "192.0.2.1"), addr)

    async def servers() -> list[str]:
        _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
        monkeypatch.setattr(resolver, "PORT", protocol.transport.get_extra_info("sockname")[1])
        return ["192.0.2.0.1.not.an.address", "127.0.0.1"]

    assert ask(servers, by_udp(question("example.com"))).endswith(socket.inet_aton("192.0.2.1"))
    assert asked == [question("example.com")]
