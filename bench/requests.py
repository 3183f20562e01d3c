"""The jar's CPU for each small request, beside a hello world on the same server (and on uvicorn, where it is installed), in one run.

    python bench/requests.py [--requests 4000]

Requests are signed once and sent again and again over 16 keep-alive connections. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from s3 import cpu_seconds, free_port, replay, signed

HERE = Path(__file__).parent


@contextmanager
def running(*command: str, port: int) -> Any:
    """A server's process, from when its port answers."""
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


def cost(pid: int, port: int, request: bytes, count: int) -> float:
    """Microseconds of CPU for one request."""
    replay(port, request, count // 4)
    before = cpu_seconds(pid)
    replay(port, request, count)
    return (cpu_seconds(pid) - before) / count * 1e6


def call(port: int, service: str, headers: dict[str, str], body: bytes, access_key: str = "test", secret: str = "test") -> bytes:
    """One POST to "/", as bytes."""
    request = AWSRequest("POST", f"http://127.0.0.1:{port}/", headers={"host": f"127.0.0.1:{port}", **headers}, data=body)
    SigV4Auth(Credentials(access_key, secret), service, "us-east-1").add_auth(request)
    lines = ["POST / HTTP/1.1", *[f"{name}: {value}" for name, value in request.headers.items()], f"content-length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


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
                    rows.append((name, cost(pid, port, hello, count)))
        port = free_port()
        jar = (str(Path(sys.executable).with_name("cloudjar")), "up", "--foreground", "--data", folder, "--port", str(port))
        with running(*jar, port=port) as pid:
            session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")

            def client(service: str) -> Any:
                return session.client(service, endpoint_url=f"http://127.0.0.1:{port}", config=Config(retries={"max_attempts": 0}))

            client("s3").create_bucket(Bucket="bench")
            client("iam").create_user(UserName="bench")
            client("iam").attach_user_policy(UserName="bench", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
            key = client("iam").create_access_key(UserName="bench")["AccessKey"]
            logs = client("logs")
            logs.create_log_group(logGroupName="bench")
            logs.create_log_stream(logGroupName="bench", logStreamName="bench")
            events = [{"timestamp": int(time.time() * 1000), "message": f"line {n}"} for n in range(4)]
            lines = json.dumps({"logGroupName": "bench", "logStreamName": "bench", "logEvents": events}).encode()
            target = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "Logs_20140328.PutLogEvents"}
            for name, request in (
                ("STS GetCallerIdentity", call(port, "sts", FORM, IDENTITY)),
                (
                    "the same by an IAM user, verified and judged",
                    call(port, "sts", FORM, IDENTITY, key["AccessKeyId"], key["SecretAccessKey"]),
                ),
                ("S3 put 1 KiB", signed(port, "PUT", "/bench/small", os.urandom(1024))),
                ("S3 get 1 KiB", signed(port, "GET", "/bench/small")),
                ("Logs put, 4 lines", call(port, "logs", target, lines)),
            ):
                rows.append((name, cost(pid, port, request, count)))
    print("| request, 16 connections | CPU, microseconds | x hello world |\n|---|---|---|")
    for name, microseconds in rows:
        print(f"| {name} | {microseconds:.0f} | {microseconds / rows[0][1]:.1f} |")


if __name__ == "__main__":
    main()
