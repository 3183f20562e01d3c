"""What S3 costs: CPU of the jar per request, bytes per second, and memory, in one run. Prints a Markdown table.

    python bench/s3.py [--requests 4000] [--mib 100] [--multipart-mib 0] [--keys 0]

Requests are signed once and sent again and again over 16 keep-alive connections. `--keys 100000` fills the bucket first, to show that
nothing grows with it. CPU times hold on a busy machine; MB/s do not.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from load import client, cost, cpu_seconds, memory_mib, replay, row, running_jar, signed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--mib", type=int, default=100)
    parser.add_argument("--multipart-mib", type=int, default=0)
    parser.add_argument("--keys", type=int, default=0)
    options = parser.parse_args()
    with running_jar() as (port, pid):
        run(options, port, pid)


def run(options: argparse.Namespace, port: int, pid: int) -> None:
    s3 = client("s3", port)
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
        request = signed(port, "s3", method, path, body)
        replay(port, request, options.requests // 4)
        spent = cost(pid, options.requests, partial(replay, port, request, options.requests))
        hello = hello or spent
        row(name, f"{spent:.0f}", f"{spent / hello:.1f}")
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
            request = signed(port, "s3", method, path, body)
            row(name, f"{cost(pid, options.requests // 4, partial(replay, port, request, options.requests // 4)):.0f}", "")
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
