"""Queues whose messages are encrypted with a key of KMS."""

import pytest


@pytest.fixture
def key(world):
    return world.client("kms").create_key()["KeyMetadata"]["KeyId"]


def on_disk(world):
    return (world._world().directory / "data.mdb").read_bytes()


def test_messages_come_back_and_are_not_stored_in_the_clear(world, sqs, make, receive, key):
    url = make("secrets", KmsMasterKeyId=key)
    attributes = {"a": {"DataType": "String", "StringValue": "attribute-in-the-clear"}}
    sqs.send_message(QueueUrl=url, MessageBody="body-in-the-clear", MessageAttributes=attributes)
    assert b"-in-the-clear" not in on_disk(world)
    (message,) = receive(url, MessageAttributeNames=["All"])
    assert message["Body"] == "body-in-the-clear" and message["MessageAttributes"] == attributes


def test_the_measure_itself_finds_what_is_in_the_clear(world, sqs, make):
    sqs.send_message(QueueUrl=make("open"), MessageBody="body-in-the-clear")
    assert b"-in-the-clear" in on_disk(world)


def test_a_key_that_does_not_work_is_reported(world, sqs, make, key, aws_error):
    url = make("secrets", KmsMasterKeyId=key)
    world.client("kms").disable_key(KeyId=key)
    with aws_error("KMS.DisabledException"):
        sqs.send_message(QueueUrl=url, MessageBody="x")


def test_a_key_that_is_not_there_is_reported(sqs, make, aws_error):
    url = make("secrets", KmsMasterKeyId="00000000-0000-0000-0000-000000000000")
    with aws_error("KMS.NotFoundException"):
        sqs.send_message(QueueUrl=url, MessageBody="x")


def test_the_data_key_is_asked_for_anew_when_its_time_is_over(world, sqs, make, receive, key, aws_error):
    url = make("secrets", KmsMasterKeyId=key, KmsDataKeyReusePeriodSeconds="60")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    receive(url, VisibilityTimeout=0)
    world.client("kms").disable_key(KeyId=key)
    sqs.send_message(QueueUrl=url, MessageBody="y")
    world.clock.advance(seconds=61)
    with aws_error("KMS.DisabledException"):
        receive(url)


def test_sse_sqs_ends_sse_kms(sqs, make, key):
    url = make("secrets", KmsMasterKeyId=key)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"SqsManagedSseEnabled": "true"})
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert found["SqsManagedSseEnabled"] == "true" and "KmsMasterKeyId" not in found
