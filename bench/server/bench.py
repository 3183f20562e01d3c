"""CPU per request and bytes per second of the HTTP server, beside others, in one run. Needs wrk; prints a Markdown table.

    python bench/server/bench.py [--peers PYTHON] [--rounds 3] [--seconds 3] [--mib 1024]

`--peers` is the Python of an environment with uvicorn, httptools, uvloop and granian. Rounds rotate the order; the median is shown.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
MIB = 1024 * 1024


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def peak_mib(pid: int) -> float:
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024  # type: ignore[index]


@contextmanager
def serving(python: str, name: str, port: int, path: str) -> Iterator[int]:
    process = subprocess.Popen([python, str(Path(__file__).with_name("targets.py")), name, str(port), path])
    try:
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        else:
            raise SystemExit(f"{name} did not start")
        yield process.pid
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def connect(port: int, encrypted: bool) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", port))
    if not encrypted:
        return plain
    context = ssl._create_unverified_context()
    return context.wrap_socket(plain, server_hostname="localhost")


def hello(pid: int, port: int, seconds: int, connections: int) -> tuple[float, float]:
    """(microseconds of the server's CPU per request, requests per second)."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", f"http://127.0.0.1:{port}/"]
    subprocess.run([*command[:3], "-d1s", command[-1]], check=True, capture_output=True)
    before = cpu_seconds(pid)
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    used = cpu_seconds(pid) - before
    count = int(re.search(r"(\d+) requests in", text)[1])  # type: ignore[index]
    return used / count * 1e6, count / seconds


def upload(port: int, size: int, encrypted: bool) -> float:
    """MiB per second."""
    with connect(port, encrypted) as client:
        block = b"x" * MIB
        client.sendall(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size)
        start = time.perf_counter()
        for _ in range(size // MIB):
            client.sendall(block)
        heard = client.recv(65536)
        while str(size).encode() not in heard.partition(b"\r\n\r\n")[2]:
            heard += client.recv(65536)
        return size / MIB / (time.perf_counter() - start)


def download(port: int, size: int, encrypted: bool) -> float:
    """MiB per second."""
    with connect(port, encrypted) as client:
        buffer = bytearray(MIB)
        client.sendall(b"GET /big HTTP/1.1\r\nHost: h\r\n\r\n")
        start = time.perf_counter()
        received = 0
        while received < size:
            count = client.recv_into(buffer)
            if not count:
                raise SystemExit("the download broke off")
            received += count
        return size / MIB / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--mib", type=int, default=1024)
    options = parser.parse_args()
    targets = {"ours": sys.executable, "ours-tls": sys.executable}
    if options.peers:
        targets |= {"uvicorn": options.peers, "granian": options.peers}
    samples: dict[str, list[tuple[float, ...]]] = {name: [] for name in targets}
    with tempfile.NamedTemporaryFile() as big:
        for _ in range(options.mib):
            big.write(b"y" * MIB)
        big.flush()
        for turn in range(options.rounds):
            names = list(targets)
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                encrypted = name == "ours-tls"
                with serving(targets[name], name, port := 18100 + turn, big.name) as pid:
                    small = hello(pid, port, options.seconds, 16)
                    up = upload(port, options.mib * MIB, encrypted)
                    down = download(port, options.mib * MIB, encrypted)
                    samples[name].append((*small, up, down, peak_mib(pid)))
    print("| server | µs CPU per hello | requests/s | up MiB/s | down MiB/s | peak MiB |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, rows in samples.items():
        medians = [statistics.median(column) for column in zip(*rows, strict=True)]
        print(f"| {name} | {medians[0]:.1f} | " + " | ".join(f"{value:,.0f}" for value in medians[1:]) + " |")


if __name__ == "__main__":
    main()
