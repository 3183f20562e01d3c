"""Queues that EventBridge may send to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest


class Queue:
    """A queue with its messages as they come."""

    def __init__(self, world: Any, name: str, region: str = "us-east-1", account: str = "test", *, open_to_events: bool = True) -> None:
        self.world = world
        self.sqs = world.client("sqs", region=region, access_key=account)
        fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if name.endswith(".fifo") else {}
        self.url = self.sqs.create_queue(QueueName=name, Attributes=fifo)["QueueUrl"]
        self.arn = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        if open_to_events:
            self.admit("events.amazonaws.com")

    def admit(self, service: str) -> None:
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sqs:SendMessage", "Resource": self.arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": policy})

    def messages(self) -> list[dict[str, Any]]:
        self.world.settle()
        found: list[dict[str, Any]] = []
        while more := self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
        ).get("Messages"):
            found += more
            for message in more:
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def bodies(self) -> list[Any]:
        return [json.loads(message["Body"]) for message in self.messages()]


@pytest.fixture
def make_queue(world: Any) -> Callable[..., Queue]:
    return lambda name="q", **options: Queue(world, name, **options)


@pytest.fixture
def events(world: Any) -> Any:
    return world.client("events")


@pytest.fixture
def entry() -> Callable[..., dict[str, Any]]:
    """Makes entries of PutEvents."""

    def make(source: str = "app", **detail: Any) -> dict[str, Any]:
        return {"Source": source, "DetailType": "thing", "Detail": json.dumps(detail)}

    return make
