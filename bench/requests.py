"""The jar's CPU for each small request, beside a hello world on the same server (and on uvicorn, where it is installed), in one run.

    python bench/requests.py [--requests 4000]

Requests are signed once and sent again and again over 16 keep-alive connections. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from load import client, cost, free_port, replay, running, running_jar, signed, signed_json

HERE = Path(__file__).parent


def spent(pid: int, port: int, request: bytes, count: int) -> float:
    """Microseconds of CPU for one request, once it has run warm."""
    replay(port, request, count // 4)
    return cost(pid, count, partial(replay, port, request, count))


FORM = {"content-type": "application/x-www-form-urlencoded"}
IDENTITY = b"Action=GetCallerIdentity&Version=2011-06-15"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=4000)
    count = parser.parse_args().requests
    rows: list[tuple[str, float]] = []
    hello = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
    with tempfile.TemporaryDirectory() as folder:
        big = Path(folder, "big")
        big.write_bytes(b"")
        for name, target in (("hello world, this server", "ours"), ("hello world, uvicorn", "uvicorn")):
            if target == "ours" or find_spec(target):
                port = free_port()
                with running(sys.executable, str(HERE / "server" / "targets.py"), target, str(port), str(big), port=port) as pid:
                    rows.append((name, spent(pid, port, hello, count)))
    with running_jar() as (port, pid):
        client("s3", port).create_bucket(Bucket="bench")
        iam = client("iam", port)
        iam.create_user(UserName="bench")
        iam.attach_user_policy(UserName="bench", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
        key = iam.create_access_key(UserName="bench")["AccessKey"]
        logs = client("logs", port)
        logs.create_log_group(logGroupName="bench")
        logs.create_log_stream(logGroupName="bench", logStreamName="bench")
        events = [{"timestamp": int(time.time() * 1000), "message": f"line {n}"} for n in range(4)]
        lines = {"logGroupName": "bench", "logStreamName": "bench", "logEvents": events}
        for name, request in (
            ("STS GetCallerIdentity", signed(port, "sts", body=IDENTITY, headers=FORM)),
            (
                "the same by an IAM user, verified and judged",
                signed(port, "sts", body=IDENTITY, headers=FORM, credentials=(key["AccessKeyId"], key["SecretAccessKey"])),
            ),
            ("S3 put 1 KiB", signed(port, "s3", "PUT", "/bench/small", os.urandom(1024))),
            ("S3 get 1 KiB", signed(port, "s3", "GET", "/bench/small")),
            ("Logs put, 4 lines", signed_json(port, "logs", "Logs_20140328.PutLogEvents", lines, "1.1")),
        ):
            rows.append((name, spent(pid, port, request, count)))
    print("| request, 16 connections | CPU, microseconds | x hello world |\n|---|---|---|")
    for name, microseconds in rows:
        print(f"| {name} | {microseconds:.0f} | {microseconds / rows[0][1]:.1f} |")


if __name__ == "__main__":
    main()
