"""What the tests of SNS have in common."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@pytest.fixture
def sns(world):
    return world.client("sns")


@pytest.fixture
def sqs(world):
    return world.client("sqs")


@pytest.fixture
def topic(sns) -> str:
    return sns.create_topic(Name="news")["TopicArn"]


@pytest.fixture
def open_queue(sqs) -> Callable[..., tuple[str, str]]:
    """`open_queue("q")`: (URL, ARN) of a new queue that lets SNS send."""

    def make(name: str, **attributes: str) -> tuple[str, str]:
        statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"}
        attributes["Policy"] = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        if name.endswith(".fifo"):
            attributes["FifoQueue"] = "true"
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url, f"arn:aws:sqs:us-east-1:000000000000:{name}"

    return make


@pytest.fixture
def received(sqs) -> Callable[[str], list[dict[str, Any]]]:
    """The messages of a queue."""

    def receive(url: str) -> list[dict[str, Any]]:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"])
        return answer.get("Messages", [])

    return receive


class Subscriber:
    """A web server that keeps what it is sent; `answers` are the statuses that it gives, the last one for ever."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict[str, str], str]] = []
        self.answers = [200]
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                outer.posts.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0])
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?x=1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    found = Subscriber()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def own_get(world) -> Callable[[str], Any]:
    """What a path of the world's own answers."""

    def get(path: str) -> Any:
        with urllib.request.urlopen(world.endpoint + path, timeout=10) as response:
            return json.load(response)

    return get


@pytest.fixture
def own_post(world) -> Callable[..., Any]:
    """The same for a POST of members."""

    def post(path: str, **members: Any) -> Any:
        data, headers = json.dumps(members).encode(), {"content-type": "application/json"}
        request = urllib.request.Request(world.endpoint + path, data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    return post
