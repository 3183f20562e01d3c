"""The query protocol of older SDKs, and the look that changes nothing."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request

import pytest

SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0"}


def fetch(url, data=None, headers=None):
    request = urllib.request.Request(url, data=data, headers={**SIGNED, **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def query(world):
    def call(path="/", **form):
        return fetch(world.endpoint + path, urllib.parse.urlencode({"Version": "2012-11-05", **form}).encode())

    return call


def test_the_query_protocol_sends_and_receives(query, make):
    url = make("orders")
    status, text = query(Action="SendMessage", QueueUrl=url, MessageBody="<hello>")
    assert status == 200 and "<SendMessageResult>" in text and "<MD5OfMessageBody>" in text
    status, text = query(Action="ReceiveMessage", QueueUrl=url, **{"AttributeName.1": "All"})
    assert status == 200 and "<Body>&lt;hello&gt;</Body>" in text
    assert "<Attribute><Name>SenderId</Name><Value>000000000000</Value></Attribute>" in text


def test_the_path_may_name_the_queue(query, make):
    make("orders")
    status, text = query("/000000000000/orders", Action="SendMessage", MessageBody="x")
    assert status == 200, text


def test_an_error_of_the_query_protocol(query):
    status, text = query(Action="GetQueueUrl", QueueName="none")
    assert status == 400 and "<Code>AWS.SimpleQueueService.NonExistentQueue</Code>" in text


def test_looking_at_messages_changes_nothing(world, sqs, make, bodies, counts):
    url = make("orders", VisibilityTimeout="0")
    sqs.send_message(QueueUrl=url, MessageBody="a&b", MessageAttributes={"k": {"DataType": "Binary", "BinaryValue": b"\xff"}})
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=60)
    look = f"{world.endpoint}/_aws/sqs/messages?" + urllib.parse.urlencode({"QueueUrl": url})
    _, text = fetch(look, headers={"Accept": "application/json"})
    found = json.loads(text)["ReceiveMessageResponse"]["ReceiveMessageResult"]["Message"]
    assert [each["Body"] for each in found] == ["a&b"]
    assert {"Name": "ApproximateReceiveCount", "Value": "0"} in found[0]["Attribute"]
    _, text = fetch(look + "&ShowDelayed=true")
    assert "<Body>a&amp;b</Body>" in text and "<Body>later</Body>" in text and "<BinaryValue>/w==</BinaryValue>" in text
    assert counts(url) == (1, 0, 1)


def test_the_path_may_say_where_to_look(world, sqs, make):
    sqs.send_message(QueueUrl=make("orders"), MessageBody="x")
    _, text = fetch(f"{world.endpoint}/_aws/sqs/messages/us-east-1/000000000000/orders")
    assert "<Body>x</Body>" in text


def test_looking_at_no_queue(world):
    status, text = fetch(f"{world.endpoint}/_aws/sqs/messages?QueueUrl=none")
    assert status == 400 and "QueueDoesNotExist" in text
