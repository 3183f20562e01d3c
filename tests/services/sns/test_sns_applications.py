"""Platform applications: what is told of their endpoints."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def heard(world, sns):
    """The ARN of a topic, and a function that gives what it was sent next."""
    sqs = world.client("sqs")
    topic = sns.create_topic(Name="news")["TopicArn"]
    url = sqs.create_queue(QueueName="news")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def next_one():
        [message] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        body = json.loads(message["Body"])
        return body["Subject"], json.loads(body["Message"])

    return topic, next_one


def test_what_happens_to_endpoints_is_told_to_topics(sns, heard):
    topic, next_one = heard
    events = {f"Event{name}": topic for name in ("EndpointCreated", "EndpointUpdated", "EndpointDeleted", "DeliveryFailure")}
    attributes = {"PlatformCredential": "x", **events}
    app = sns.create_platform_application(Name="app", Platform="GCM", Attributes=attributes)["PlatformApplicationArn"]
    device = sns.create_platform_endpoint(PlatformApplicationArn=app, Token="t")["EndpointArn"]
    subject, event = next_one()
    assert subject == "EndpointCreated event for app app (GCM)"
    assert (event["EventType"], event["EndpointArn"], event["Resource"], event["Service"]) == ("EndpointCreated", device, app, "SNS")
    sns.set_endpoint_attributes(EndpointArn=device, Attributes={"Enabled": "false"})
    assert next_one()[1]["EventType"] == "EndpointUpdated"
    all_devices = sns.create_topic(Name="devices")["TopicArn"]
    sns.subscribe(TopicArn=all_devices, Protocol="application", Endpoint=device)
    sent = sns.publish(TopicArn=all_devices, Message="hello")["MessageId"]
    failed = next_one()[1]
    assert (failed["EventType"], failed["FailureType"], failed["MessageId"]) == ("DeliveryFailure", "EndpointDisabled", sent)
    sns.delete_endpoint(EndpointArn=device)
    assert next_one()[1]["EventType"] == "EndpointDeleted"


def test_attributes_that_nothing_has(sns, aws_error):
    def make(**more):
        sns.create_platform_application(Name="app", Platform="GCM", Attributes={"PlatformCredential": "x", **more})

    for bad in ({"Colour": "red"}, {"EventEndpointCreated": "arn:aws:sns:us-east-1:000000000000:absent"}, {"Enabled": "perhaps"}):
        with aws_error("InvalidParameter", "Attributes Reason"):
            make(**bad)
    make()
    app = sns.list_platform_applications()["PlatformApplications"][0]["PlatformApplicationArn"]
    with aws_error("InvalidParameter", "Invalid attribute name: Colour"):
        sns.create_platform_endpoint(PlatformApplicationArn=app, Token="t", Attributes={"Colour": "red"})
    with aws_error("InvalidParameter", "2048 bytes"):
        sns.create_platform_endpoint(PlatformApplicationArn=app, Token="t", CustomUserData="x" * 2049)
