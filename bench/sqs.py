"""What SQS costs: CPU of the jar per call, whether it grows with the queue, and how soon a long poll wakes. Prints Markdown tables.

    python bench/sqs.py [--requests 8000] [--messages 100000] [--wakes 100]

Requests are signed once and sent again and again over 16 keep-alive connections. CPU times hold on a busy machine; wake times do not.
"""

from __future__ import annotations

import argparse
import json
import re
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from s3 import CONNECTIONS, cpu_seconds, free_port, memory_mib, row


class Calls:
    """Signed calls of one jar."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.base = f"http://127.0.0.1:{port}"

    def request(self, operation: str, **params: Any) -> bytes:
        """One call as bytes."""
        body = json.dumps(params).encode()
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"AmazonSQS.{operation}", "host": f"127.0.0.1:{self.port}"}
        request = AWSRequest("POST", self.base + "/", headers=headers, data=body)
        SigV4Auth(Credentials("test", "test"), "sqs", "us-east-1").add_auth(request)
        lines = ["POST / HTTP/1.1", *[f"{name}: {value}" for name, value in request.headers.items()], f"content-length: {len(body)}"]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def replay(self, request: bytes, count: int, on_answer: Callable[[bytes], bytes | None] = lambda _: None) -> None:
        """Sends a request `count` times over CONNECTIONS connections; `on_answer` may give a request to send in between."""
        selector = selectors.DefaultSelector()
        waiting: dict[socket.socket, bytes] = {}
        for _ in range(CONNECTIONS):
            connection = socket.create_connection(("127.0.0.1", self.port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection, selectors.EVENT_READ)
            waiting[connection] = b""
            connection.sendall(request)
        sent = open_calls = CONNECTIONS
        while open_calls:
            for key, _ in selector.select():
                connection: Any = key.fileobj
                data = waiting[connection] + connection.recv(1 << 20)
                head, end, rest = data.partition(b"\r\n\r\n")
                length = int(found[1]) if (found := re.search(rb"content-length: (\d+)", head)) else 0
                if not end or len(rest) < length:
                    waiting[connection] = data
                    continue
                if not head.startswith(b"HTTP/1.1 200"):
                    raise SystemExit(f"not a success: {data[:600]!r}")
                waiting[connection] = b""
                between = on_answer(rest)
                if between:
                    connection.sendall(between)
                elif sent < count:
                    connection.sendall(request)
                    sent += 1
                else:
                    open_calls -= 1
        for connection in waiting:
            connection.close()


def measured(pid: int, count: int, work: Callable[[], None], rounds: int = 3) -> float:
    """Microseconds of the jar's CPU for each of `count` calls, in the best of some rounds."""
    found = []
    for _ in range(rounds):
        before = cpu_seconds(pid)
        work()
        found.append((cpu_seconds(pid) - before) / count * 1e6)
    return min(found)


def costs(calls: Calls, sqs: Any, pid: int, requests: int, messages: int) -> None:
    url = sqs.create_queue(QueueName="bench")["QueueUrl"]
    send = calls.request("SendMessage", QueueUrl=url, MessageBody="x" * 256)
    receive = calls.request("ReceiveMessage", QueueUrl=url, VisibilityTimeout=300)
    counting = calls.request("GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])
    batch = calls.request("SendMessageBatch", QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": "x" * 256} for n in range(10)])

    def consume() -> None:
        def then_delete(answer: bytes) -> bytes | None:
            found = json.loads(answer).get("Messages") if answer else None
            return calls.request("DeleteMessage", QueueUrl=url, ReceiptHandle=found[0]["ReceiptHandle"]) if found else None

        calls.replay(receive, requests, then_delete)

    fifo = sqs.create_queue(QueueName="bench.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]

    def send_fifo() -> None:
        for number in range(requests // CONNECTIONS):
            entry = {"QueueUrl": fifo, "MessageBody": "x" * 256, "MessageGroupId": str(number % 50), "MessageDeduplicationId": str(number)}
            calls.replay(calls.request("SendMessage", **entry), CONNECTIONS)

    hello = f"GET /_cloudjar/health HTTP/1.1\r\nhost: 127.0.0.1:{calls.port}\r\n\r\n".encode()
    print("| call, 16 connections | messages in the queue | CPU of the jar, microseconds |\n|---|---|---|")
    row("own health page (hello)", "", f"{measured(pid, requests, lambda: calls.replay(hello, requests)):.0f}")
    calls.replay(send, 500)
    row("SendMessage, 256 bytes", 0, f"{measured(pid, requests, lambda: calls.replay(send, requests)):.0f}")
    row("ReceiveMessage and DeleteMessage", 3 * requests, f"{measured(pid, requests, consume):.0f}")
    row("SendMessage, FIFO, one in 16 new", "", f"{measured(pid, requests // CONNECTIONS * CONNECTIONS, send_fifo, 1):.0f}")
    calls.replay(batch, messages // 10)
    row("SendMessage, 256 bytes", messages, f"{measured(pid, requests, lambda: calls.replay(send, requests)):.0f}")
    row("ReceiveMessage and DeleteMessage", messages, f"{measured(pid, requests, consume):.0f}")
    row("GetQueueAttributes, all", messages, f"{measured(pid, requests // 4, lambda: calls.replay(counting, requests // 4)):.0f}")


def wakes(sqs: Any, other: Any, count: int) -> None:
    """How long after the send's answer the receiver has the message; both are clients in this process."""
    url = sqs.create_queue(QueueName="wakes")["QueueUrl"]
    gaps = []
    for _ in range(count):
        got: list[float] = []

        def wait(got: list[float] = got) -> None:
            other.receive_message(QueueUrl=url, WaitTimeSeconds=20)
            got.append(time.perf_counter())

        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.05)
        sqs.send_message(QueueUrl=url, MessageBody="x")
        sent = time.perf_counter()
        waiting.join()
        gaps.append((got[0] - sent) * 1000)
    gaps.sort()
    print("\n| long poll | median, ms after the send's answer | 95 % |\n|---|---|---|")
    row("wakes", f"{statistics.median(gaps):.2f}", f"{gaps[int(len(gaps) * 0.95)]:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=8000)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--wakes", type=int, default=100)
    options = parser.parse_args()
    port = free_port()
    folder = tempfile.TemporaryDirectory()
    command = [str(Path(sys.executable).with_name("cloudjar")), "up", "--foreground", "--data", folder.name, "--port", str(port)]
    jar = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
        first, second = (
            session.client("sqs", endpoint_url=f"http://127.0.0.1:{port}", config=Config(retries={"max_attempts": 0})) for _ in range(2)
        )
        costs(Calls(port), first, jar.pid, options.requests, options.messages)
        wakes(first, second, options.wakes)
        print(f"\nMemory of the jar: {memory_mib(jar.pid, 'VmRSS'):.0f} MiB, at most {memory_mib(jar.pid, 'VmHWM'):.0f} MiB.")
    finally:
        jar.terminate()
        jar.wait()
        folder.cleanup()


if __name__ == "__main__":
    main()
