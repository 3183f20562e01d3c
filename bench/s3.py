"""What S3 costs: CPU of the jar per request, bytes per second, and memory, in one run. Prints a Markdown table.

    python bench/s3.py [--requests 4000] [--mib 100] [--multipart-mib 0] [--keys 0]

Requests are signed once and sent again and again over 16 keep-alive connections. `--keys 100000` fills the bucket first, to show that
nothing grows with it. CPU times hold on a busy machine; MB/s do not.
"""

from __future__ import annotations

import argparse
import os
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

TICK = os.sysconf("SC_CLK_TCK")
CONNECTIONS = 16


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory_mib(pid: int, what: str) -> float:
    found = re.search(rf"{what}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def signed(port: int, method: str, path: str, body: bytes = b"", service: str = "s3") -> bytes:
    """One request as bytes."""
    url = f"http://127.0.0.1:{port}{path}"
    request = AWSRequest(method, url, headers={"host": f"127.0.0.1:{port}"}, data=body)
    S3SigV4Auth(Credentials("test", "test"), service, "us-east-1").add_auth(request)
    lines = [f"{method} {path} HTTP/1.1", *[f"{name}: {value}" for name, value in request.headers.items()]]
    if body or method in ("PUT", "POST"):
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def replay(port: int, request: bytes, count: int) -> None:
    """Sends a request `count` times over CONNECTIONS connections; SystemExit if any answer is not a success."""
    selector = selectors.DefaultSelector()
    waiting: dict[socket.socket, bytes] = {}
    for _ in range(CONNECTIONS):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ)
        waiting[connection] = b""
        connection.sendall(request)
    sent, answered = CONNECTIONS, 0
    while answered < count:
        for key, _ in selector.select():
            connection = key.fileobj  # type: ignore[assignment]
            data = waiting[connection] + connection.recv(1 << 20)
            head, end, rest = data.partition(b"\r\n\r\n")
            length = int(found[1]) if (found := re.search(rb"content-length: (\d+)", head)) else 0
            if not end or len(rest) < length:
                waiting[connection] = data
                continue
            if not head.startswith(b"HTTP/1.1 20"):
                raise SystemExit(f"not a success: {data[:600]!r}")
            waiting[connection] = rest[length:]
            answered += 1
            if sent < count:
                connection.sendall(request)
                sent += 1
    for connection in waiting:
        connection.close()


def row(name: str, *values: Any) -> None:
    print(f"| {name} | " + " | ".join(str(value) for value in values) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--mib", type=int, default=100)
    parser.add_argument("--multipart-mib", type=int, default=0)
    parser.add_argument("--keys", type=int, default=0)
    options = parser.parse_args()
    port = free_port()
    data = tempfile.TemporaryDirectory()
    command = [str(Path(sys.executable).with_name("cloudjar")), "up", "--foreground", "--data", data.name, "--port", str(port)]
    jar = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        run(options, port, jar.pid)
    finally:
        jar.terminate()
        jar.wait()
        data.cleanup()


def run(options: argparse.Namespace, port: int, pid: int) -> None:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    s3 = session.client("s3", endpoint_url=f"http://127.0.0.1:{port}", config=Config(retries={"max_attempts": 0}))
    s3.create_bucket(Bucket="bench")
    print("| small requests, 16 connections | CPU of the jar, microseconds | x hello |\n|---|---|---|")
    hello = 0.0
    for name, method, path, body in (
        ("own health page (hello)", "GET", "/_cloudjar/health", b""),
        ("put 1 KiB", "PUT", "/bench/small", os.urandom(1024)),
        ("get 1 KiB", "GET", "/bench/small", b""),
        ("put 1 KiB again", "PUT", "/bench/small", os.urandom(1024)),
        ("list 1 key", "GET", "/bench?list-type=2", b""),
    ):
        request = signed(port, method, path, body)
        replay(port, request, options.requests // 4)
        before = cpu_seconds(pid)
        replay(port, request, options.requests)
        cost = (cpu_seconds(pid) - before) / options.requests * 1e6
        hello = hello or cost
        row(name, f"{cost:.0f}", f"{cost / hello:.1f}")
    if options.keys:
        for number in range(options.keys):
            if number % 1000 == 0:
                print(f"\r{number} keys", end="", file=sys.stderr)
            s3.put_object(Bucket="bench", Key=f"many/{number % 100:02}/{number:07}", Body=b"x")
        for name, method, path, body in (
            ("put 1 KiB among many", "PUT", "/bench/many/50/x", os.urandom(1024)),
            ("get 1 KiB among many", "GET", "/bench/many/50/x", b""),
            ("list 10 of many", "GET", "/bench?list-type=2&max-keys=10&prefix=many%2F50", b""),
            ("list 100 prefixes of many", "GET", "/bench?delimiter=%2F&list-type=2&prefix=many%2F", b""),
        ):
            request = signed(port, method, path, body)
            before = cpu_seconds(pid)
            replay(port, request, options.requests // 4)
            row(name, f"{(cpu_seconds(pid) - before) / (options.requests // 4) * 1e6:.0f}", "")
    print(f"\n| {options.mib} MiB through one boto3 client | best MB/s | CPU of the jar, seconds |\n|---|---|---|")
    data = os.urandom(options.mib << 20)
    for name, work in (
        ("up", lambda: s3.put_object(Bucket="bench", Key="big", Body=data)),
        ("down", lambda: s3.get_object(Bucket="bench", Key="big")["Body"].read()),
    ):
        rates, costs = [], []
        for _ in range(5):
            before, started = cpu_seconds(pid), time.perf_counter()
            work()
            rates.append(len(data) / 1e6 / (time.perf_counter() - started))
            costs.append(cpu_seconds(pid) - before)
        row(name, f"{max(rates):.0f}", f"{min(costs):.2f}")
    if options.multipart_mib:
        multipart(s3, options.multipart_mib, pid)
    print(f"\nMemory of the jar: {memory_mib(pid, 'VmRSS'):.0f} MiB, at most {memory_mib(pid, 'VmHWM'):.0f} MiB.")


def multipart(s3: Any, mib: int, pid: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source", Path(folder) / "target"
        with source.open("wb") as file:
            for _ in range(mib):
                file.write(os.urandom(1 << 20))
        started = time.perf_counter()
        s3.upload_file(str(source), "bench", "huge")
        up = time.perf_counter() - started
        started = time.perf_counter()
        s3.download_file("bench", "huge", str(target))
        down = time.perf_counter() - started
        same = subprocess.run(["cmp", str(source), str(target)], check=False).returncode == 0
    row(
        f"{mib} MiB multipart, up / down", f"{mib * 1.048576 / up:.0f} / {mib * 1.048576 / down:.0f}", "same bytes" if same else "DIFFERENT"
    )


if __name__ == "__main__":
    main()
