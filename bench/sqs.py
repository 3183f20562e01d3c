"""What SQS costs: CPU of the jar per call, whether it grows with the queue, and how soon a long poll wakes. Prints Markdown tables.

    python bench/sqs.py [--requests 8000] [--messages 100000] [--wakes 100]

Requests are signed once and sent again and again over 16 keep-alive connections. CPU times hold on a busy machine; wake times do not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

from load import CONNECTIONS, client, cost, memory_mib, replay, row, running_jar, signed_json


class Calls:
    """Signed calls of one jar."""

    def __init__(self, port: int) -> None:
        self.port = port

    def request(self, operation: str, **params: Any) -> bytes:
        """One call as bytes."""
        return signed_json(self.port, "sqs", f"AmazonSQS.{operation}", params)

    def replay(self, request: bytes, count: int, on_answer: Callable[[bytes], bytes | None] | None = None) -> None:
        replay(self.port, request, count, on_answer)


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
    row("own health page (hello)", "", f"{cost(pid, requests, lambda: calls.replay(hello, requests), 3):.0f}")
    calls.replay(send, 500)
    row("SendMessage, 256 bytes", 0, f"{cost(pid, requests, lambda: calls.replay(send, requests), 3):.0f}")
    row("ReceiveMessage and DeleteMessage", 3 * requests, f"{cost(pid, requests, consume, 3):.0f}")
    row("SendMessage, FIFO, one in 16 new", "", f"{cost(pid, requests // CONNECTIONS * CONNECTIONS, send_fifo):.0f}")
    calls.replay(batch, messages // 10)
    row("SendMessage, 256 bytes", messages, f"{cost(pid, requests, lambda: calls.replay(send, requests), 3):.0f}")
    row("ReceiveMessage and DeleteMessage", messages, f"{cost(pid, requests, consume, 3):.0f}")
    row("GetQueueAttributes, all", messages, f"{cost(pid, requests // 4, lambda: calls.replay(counting, requests // 4), 3):.0f}")


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
    with running_jar() as (port, pid):
        first, second = (client("sqs", port) for _ in range(2))
        costs(Calls(port), first, pid, options.requests, options.messages)
        wakes(first, second, options.wakes)
        print(f"\nMemory of the jar: {memory_mib(pid, 'VmRSS'):.0f} MiB, at most {memory_mib(pid, 'VmHWM'):.0f} MiB.")


if __name__ == "__main__":
    main()
