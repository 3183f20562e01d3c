"""The jar's CPU for each small request, beside a hello world on the same server (and on uvicorn, where it is installed), in one run.

    python bench/requests.py [--requests 1000] [--rounds 8]

Requests are signed once and sent again and again over 16 keep-alive connections. The servers take turns, round after round, and each
request's best round counts: on a busy machine caches and neighbours only ever add. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from load import client, cost, free_port, replay, row, running, running_jar, signed, signed_json

HERE = Path(__file__).parent


FORM = {"content-type": "application/x-www-form-urlencoded"}
IDENTITY = b"Action=GetCallerIdentity&Version=2011-06-15"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=8)
    options = parser.parse_args()
    hello = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
    targets: list[tuple[str, int, int, bytes]] = []
    """(name, port, process, request)"""
    with ExitStack() as stack:
        big = Path(stack.enter_context(tempfile.TemporaryDirectory()), "big")
        big.write_bytes(b"")
        for name, target in (("hello world, this server", "ours"), ("hello world, uvicorn", "uvicorn")):
            if target == "ours" or find_spec(target):
                port = free_port()
                command = (sys.executable, str(HERE / "server" / "targets.py"), target, str(port), str(big))
                targets.append((name, port, stack.enter_context(running(*command, port=port)), hello))
        port, pid = stack.enter_context(running_jar())
        targets += [(name, port, pid, request) for name, request in requests(port)]
        spent: dict[str, list[float]] = {name: [] for name, *_ in targets}
        for _, port, _, request in targets:
            replay(port, request, options.requests)
        for _ in range(options.rounds):
            for name, port, pid, request in targets:
                spent[name].append(cost(pid, options.requests, partial(replay, port, request, options.requests)))
    print("| request, 16 connections | CPU, microseconds: best round | median | x hello world |\n|---|---|---|---|")
    best = {name: min(found) for name, found in spent.items()}
    for name, microseconds in best.items():
        row(name, f"{microseconds:.0f}", f"{statistics.median(spent[name]):.0f}", f"{microseconds / best[targets[0][0]]:.1f}")


def requests(port: int) -> list[tuple[str, bytes]]:
    """What is sent, by name; what it needs is made."""
    client("s3", port).create_bucket(Bucket="bench")
    url = client("sqs", port).create_queue(QueueName="bench")["QueueUrl"]
    iam = client("iam", port)
    iam.create_user(UserName="bench")
    iam.attach_user_policy(UserName="bench", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    key = iam.create_access_key(UserName="bench")["AccessKey"]
    user = (key["AccessKeyId"], key["SecretAccessKey"])
    logs = client("logs", port)
    logs.create_log_group(logGroupName="bench")
    logs.create_log_stream(logGroupName="bench", logStreamName="bench")
    events = [{"timestamp": int(time.time() * 1000), "message": f"line {n}"} for n in range(4)]
    lines = {"logGroupName": "bench", "logStreamName": "bench", "logEvents": events}
    return [
        ("STS GetCallerIdentity", signed(port, "sts", body=IDENTITY, headers=FORM)),
        ("the same by an IAM user, verified and judged", signed(port, "sts", body=IDENTITY, headers=FORM, credentials=user)),
        ("S3 put 1 KiB", signed(port, "s3", "PUT", "/bench/small", os.urandom(1024))),
        ("S3 put by an IAM user", signed(port, "s3", "PUT", "/bench/small", os.urandom(1024), credentials=user)),
        ("S3 get 1 KiB", signed(port, "s3", "GET", "/bench/small")),
        ("SQS send 256 bytes", signed_json(port, "sqs", "AmazonSQS.SendMessage", {"QueueUrl": url, "MessageBody": "x" * 256})),
        ("Logs put, 4 lines", signed_json(port, "logs", "Logs_20140328.PutLogEvents", lines, "1.1")),
    ]


if __name__ == "__main__":
    main()
