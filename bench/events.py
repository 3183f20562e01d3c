"""What events and logs cost: from PutEvents to a queue, a long search of logs, and what other calls wait meanwhile. Prints Markdown tables.

    python bench/events.py [--events 200] [--lines 100000]

Times depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from typing import Any

from load import client, row, running_jar


def spread(times: list[float]) -> str:
    ordered = sorted(times)
    return f"{statistics.median(ordered) * 1000:.1f} / {ordered[int(len(ordered) * 0.99) - 1] * 1000:.1f}"


def to_a_queue(port: int, count: int) -> None:
    """One event at a time: PutEvents is called, a long poll has the message."""
    sqs, events = client("sqs", port), client("events", port)
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allow]})})
    events.put_rule(Name="r", EventPattern='{"source": ["bench"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn}])
    sent, got = 0.0, threading.Event()
    times: list[float] = []

    def receive() -> None:
        for _ in range(count):
            while not sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, VisibilityTimeout=600).get("Messages"):
                pass
            times.append(time.perf_counter() - sent)
            got.set()

    thread = threading.Thread(target=receive)
    thread.start()
    for _ in range(count):
        time.sleep(0.02)
        got.clear()
        sent = time.perf_counter()
        events.put_events(Entries=[{"Source": "bench", "DetailType": "t", "Detail": '{"n": 1}'}])
        got.wait()
    thread.join()
    row("PutEvents is called to the message in a long poll, through boto3", spread(times))


def search(port: int, lines: int) -> None:
    """Searches of one group, and a small call again and again meanwhile."""
    logs, sts = client("logs", port), client("sts", port)
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    now = int(time.time() * 1000)
    for start in range(0, lines, 5000):
        batch = [
            {"timestamp": now, "message": json.dumps({"n": n, "level": "ERROR" if n % 1000 == 0 else "INFO", "took": n % 97})}
            for n in range(start, start + 5000)
        ]
        logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=batch)

    def filtered(pattern: str) -> int:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName="g", filterPattern=pattern)
        return sum(len(page["events"]) for page in pages)

    def queried(text: str) -> int:
        query = logs.start_query(logGroupName="g", startTime=now // 1000 - 60, endTime=now // 1000 + 60, queryString=text)["queryId"]
        while True:
            answer: dict[str, Any] = logs.get_query_results(queryId=query)
            if answer["status"] == "Complete":
                return len(answer["results"])
            time.sleep(0.02)

    quiet = _calls(sts, lambda: time.sleep(1))[0]
    row("a small call, nothing else going on", spread(quiet))
    for name, work in (
        ("term filter", lambda: filtered("ERROR")),
        ("JSON filter", lambda: filtered('{ $.level = "ERROR" }')),
        ("Insights: filter", lambda: queried('filter level = "ERROR" | limit 10000')),
        ("Insights: stats", lambda: queried("stats count(*), avg(took) by level")),
    ):
        times, seconds = _calls(sts, work)
        row(f"{lines} lines, {name}: {seconds:.2f} s; a small call meanwhile", spread(times))


def _calls(sts: Any, work: Any) -> tuple[list[float], float]:
    """How long small calls take while some work is done, and how long the work takes."""
    times: list[float] = []
    over = threading.Event()

    def call() -> None:
        while not over.is_set():
            began = time.perf_counter()
            sts.get_caller_identity()
            times.append(time.perf_counter() - began)
            time.sleep(0.005)

    thread = threading.Thread(target=call)
    thread.start()
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    over.set()
    thread.join()
    return times, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--lines", type=int, default=100_000)
    args = parser.parse_args()
    with running_jar() as (port, _):
        print("| what | milliseconds, median / 99 % |\n|---|---|")
        to_a_queue(port, args.events)
        search(port, args.lines)


if __name__ == "__main__":
    main()
