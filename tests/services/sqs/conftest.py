"""What the tests of SQS have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def sqs(world):
    return world.client("sqs")


@pytest.fixture
def make(sqs) -> Callable[..., str]:
    """`make("orders", VisibilityTimeout="5")`: the URL of a new queue; a name that ends in .fifo makes a FIFO queue."""

    def make_queue(name: str, **attributes: str) -> str:
        if name.endswith(".fifo"):
            attributes["FifoQueue"] = "true"
        return sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    return make_queue


@pytest.fixture
def arn_of(sqs) -> Callable[[str], str]:
    return lambda url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


@pytest.fixture
def receive(sqs) -> Callable[..., list[dict[str, Any]]]:
    """`receive(url, 10)`: the messages that there are."""

    def receive_messages(url: str, count: int = 10, **more: Any) -> list[dict[str, Any]]:
        return sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=count, **more).get("Messages", [])

    return receive_messages


@pytest.fixture
def bodies(receive) -> Callable[..., list[str]]:
    return lambda url, count=10, **more: [message["Body"] for message in receive(url, count, **more)]


@pytest.fixture
def counts(sqs) -> Callable[[str], tuple[int, int, int]]:
    """(visible, in flight, delayed)"""

    def count(url: str) -> tuple[int, int, int]:
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return tuple(int(found[name]) for name in names)

    return count
