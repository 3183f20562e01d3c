"""What the benchmarks of one service share: a jar in a process of its own, its CPU and memory, and a replay of one signed request.

Requests are signed once and sent again and again over 16 keep-alive connections: what is measured is the jar and not the client.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

TICK = os.sysconf("SC_CLK_TCK")
CONNECTIONS = 16


def cpu_seconds(pid: int) -> float:
    """What a process has used so far: to the nanosecond where the kernel says, else in its ticks."""
    try:
        tasks = [int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()]
        return sum(tasks) / 1e9
    except FileNotFoundError:
        pass
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory_mib(pid: int, what: str) -> float:
    found = re.search(rf"{what}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(*command: str, port: int) -> Iterator[int]:
    """A server's process id, from when its port answers."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def running_jar(*options: str) -> Iterator[tuple[int, int]]:
    """(port, process id) of a durable jar with a new world."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).with_name("cloudjar")), "up", "--foreground", "--data", folder, "--port", str(port), *options]
        with running(*command, port=port) as pid:
            yield port, pid


def client(service: str, port: int) -> Any:
    """A boto3 client that does not retry."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    return session.client(service, endpoint_url=f"http://127.0.0.1:{port}", config=Config(retries={"max_attempts": 0}))


def signed(
    port: int,
    service: str,
    method: str = "POST",
    path: str = "/",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    credentials: tuple[str, str] = ("test", "test"),
) -> bytes:
    """One signed request as bytes."""
    request = AWSRequest(method, f"http://127.0.0.1:{port}{path}", headers={"host": f"127.0.0.1:{port}", **(headers or {})}, data=body)
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(Credentials(*credentials), service, "us-east-1").add_auth(request)
    lines = [f"{method} {path} HTTP/1.1", *[f"{name}: {value}" for name, value in request.headers.items()]]
    if body or method in ("PUT", "POST"):
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def signed_json(port: int, service: str, target: str, params: dict[str, Any], version: str = "1.0") -> bytes:
    """One signed call of a JSON protocol as bytes; `target` is "AmazonSQS.SendMessage"."""
    headers = {"content-type": f"application/x-amz-json-{version}", "x-amz-target": target}
    return signed(port, service, body=json.dumps(params).encode(), headers=headers)


def replay(port: int, request: bytes, count: int, on_answer: Callable[[bytes], bytes | None] | None = None) -> None:
    """Sends a request `count` times over CONNECTIONS connections; SystemExit if any answer is not a success.

    `on_answer` gets each body, and may give another request to send in between.
    """
    selector = selectors.DefaultSelector()
    waiting: dict[socket.socket, bytes] = {}
    for _ in range(min(CONNECTIONS, count)):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ)
        waiting[connection] = b""
        connection.sendall(request)
    sent = open_calls = len(waiting)
    while open_calls:
        for key, _ in selector.select():
            connection = key.fileobj  # type: ignore[assignment]
            received = connection.recv(1 << 20)
            data = waiting[connection] + received
            head, end, rest = data.partition(b"\r\n\r\n")
            length = int(found[1]) if (found := re.search(rb"content-length: (\d+)", head)) else 0
            if not received:
                raise SystemExit(f"the connection ended: {data[:600]!r}")
            if not end or len(rest) < length:
                waiting[connection] = data
                continue
            if not head.startswith(b"HTTP/1.1 20"):
                raise SystemExit(f"not a success: {data[:600]!r}")
            waiting[connection] = rest[length:]
            between = on_answer(rest[:length]) if on_answer else None
            if between:
                connection.sendall(between)
            elif sent < count:
                connection.sendall(request)
                sent += 1
            else:
                open_calls -= 1
    for connection in waiting:
        connection.close()


def cost(pid: int, count: int, work: Callable[[], None], rounds: int = 1) -> float:
    """Microseconds of a process's CPU for each of `count` calls, in the best of some rounds."""
    found = []
    for _ in range(rounds):
        before = cpu_seconds(pid)
        work()
        found.append((cpu_seconds(pid) - before) / count * 1e6)
    return min(found)


def row(name: str, *values: Any) -> None:
    """A line of a Markdown table."""
    print(f"| {name} | " + " | ".join(str(value) for value in values) + " |", flush=True)
