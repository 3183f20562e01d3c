"""Networks of sandboxes' own: what is there, what is not, and that nothing of them stays."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from laboratory import Laboratory

from cloudjar.compute.driver import Unsupported
from cloudjar.compute.networks import Network
from cloudjar.compute.spec import Spec
from cloudjar.compute.uplink import refused_networks

T = TypeVar("T")
CONNECT = "use IO::Socket::INET; print IO::Socket::INET->new(PeerAddr => '{address}', Timeout => 5) ? 'yes' : 'no: $!'"


def within(lab: Laboratory, story: Callable[[Network], Awaitable[T]]) -> T:
    """What a story gives that plays in a network."""

    async def whole() -> T:
        try:
            network = await lab.driver.network()
        except Unsupported as problem:
            pytest.skip(f"no networks here: {problem}")
        assert network is not None
        try:
            return await story(network)
        finally:
            network.close()

    return lab.wait(whole())


async def says(lab: Laboratory, network: Network, *argv: str, **fields: object) -> str:
    started = await lab.start(*argv, network=network.id, **fields)
    await started.exit
    return "\n".join(line.text.decode() for line in started.lines)


def test_what_listens_inside_is_reached_there_and_not_elsewhere(sandbox: Laboratory) -> None:
    async def story(network: Network) -> None:
        with await network.listen("127.0.0.1", 9001):
            assert await says(sandbox, network, "/usr/bin/perl", "-e", CONNECT.format(address="127.0.0.1:9001")) == "yes"
            other = await sandbox.driver.network()
            assert other is not None
            assert (await says(sandbox, other, "/usr/bin/perl", "-e", CONNECT.format(address="127.0.0.1:9001"))).startswith("no")
            other.close()
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", 9001), 5).close()

    within(sandbox, story)


def test_the_jar_can_call_what_listens_inside(sandbox: Laboratory) -> None:
    server = (
        "use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1:8080', Listen => 1) or die; $| = 1; print qq(up\n);"
        "print { $s->accept } qq(hello\n)"
    )

    async def story(network: Network) -> None:
        started = await sandbox.start("/usr/bin/perl", "-e", server, network=network.id)
        await started.says("up")
        with await network.connect(8080) as client:
            assert await asyncio.get_running_loop().sock_recv(client, 100) == b"hello\n"
        with pytest.raises(OSError):
            await network.connect(8081)
        await started.exit

    within(sandbox, story)


def test_a_further_program_is_in_the_same_network(sandbox: Laboratory) -> None:
    async def story(network: Network) -> None:
        started = await sandbox.start("/bin/sleep", "1000", network=network.id)
        with await network.listen("127.0.0.1", 9001):
            done = await sandbox.driver.exec(started.id, ["/usr/bin/perl", "-e", CONNECT.format(address="127.0.0.1:9001")])
            assert done.stdout == b"yes"
        await sandbox.driver.kill(started.id)

    within(sandbox, story)


def test_a_closed_network_takes_no_more_programs(sandbox: Laboratory) -> None:
    from cloudjar.compute.spec import BadSpec

    async def story(network: Network) -> None:
        network.close()
        with pytest.raises(BadSpec):
            await sandbox.driver.start(Spec(id="late", argv=("/bin/true",), network=network.id), lambda *_: None)

    within(sandbox, story)


def test_abstract_sockets_of_the_host_are_not_there(sandbox: Laboratory) -> None:
    name = f"\0cloudjar-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(name)
        script = (
            f"use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0); print connect($s, pack_sockaddr_un(qq(\\0{name[1:]}))) ? 'yes' : 'no'"
        )
        assert sandbox.run("/usr/bin/perl", "-e", script)[1].text() == "yes"
        assert within(sandbox, lambda network: says(sandbox, network, "/usr/bin/perl", "-e", script)) == "no"


HARM = {
    "a raw socket": "use Socket; socket(my $s, AF_INET, SOCK_RAW, 1) or print 'no'",
    "a packet socket": "use Socket; socket(my $s, 17, SOCK_RAW, 768) or print 'no'",
    # setns(2) on x86-64 and arm64.
    "entering its own network anew": "open(my $f, '<', '/proc/self/ns/net'); use POSIX;"
    " syscall((POSIX::uname())[4] eq 'x86_64' ? 308 : 268, fileno($f), 0) == 0 or print 'no'",
    "a privileged port": "use IO::Socket::INET; IO::Socket::INET->new(LocalAddr => '127.0.0.1:81', Listen => 1) or print 'no'",
}


@pytest.mark.parametrize("harm", HARM)
def test_the_network_cannot_be_turned_against_its_makers(sandbox: Laboratory, harm: str) -> None:
    assert within(sandbox, lambda network: says(sandbox, network, "/usr/bin/perl", "-e", HARM[harm])) == "no"


@pytest.mark.parametrize("command", ["ip link set lo down", "ip route del unreachable 169.254.0.0/16", "ip addr add 192.0.2.9/32 dev lo"])
def test_the_network_cannot_be_changed_from_inside(sandbox: Laboratory, command: str) -> None:
    """Not even by root in a user namespace of its own: the network belongs to another."""
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    if not any(os.access(f"{place}/ip", os.X_OK) for place in ("/usr/sbin", "/sbin", "/usr/bin")):
        pytest.skip("no ip (iproute2)")
    for prefix in ("", "unshare -Ur "):
        script = f"{prefix}{command} && echo done"
        assert "done" not in within(sandbox, lambda network, script=script: says(sandbox, network, "/bin/sh", "-c", script, env=env))  # type: ignore[misc]


def test_a_network_is_gone_with_its_last_holder(sandbox: Laboratory) -> None:
    def holders(inode: int) -> list[str]:
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.stat(f"/proc/{pid}/ns/net").st_ino == inode:
                    found.append(pid)
            except OSError:
                continue
        return found

    async def story(network: Network) -> int:
        inode = os.fstat(network.namespace).st_ino
        started = await sandbox.start("/bin/sh", "-c", "echo up; exec sleep 1000", network=network.id)
        await started.says("up")
        assert holders(inode)
        await sandbox.driver.kill(started.id)
        network.close()
        while holders(inode):
            await asyncio.sleep(0.01)
        return inode

    inode = within(sandbox, story)
    assert not [fd for fd in Path("/proc/self/fd").iterdir() if _inode(fd) == inode]


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def test_all_that_the_host_answers_to_is_refused() -> None:
    table = """
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
     |-- 198.51.100.7
        /32 host LOCAL
     |-- 198.51.100.255
        /32 link BROADCAST
"""
    assert [network for network in refused_networks(table) if network.startswith(("127", "198"))] == ["198.51.100.7/32"]
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} <= set(refused_networks(""))
