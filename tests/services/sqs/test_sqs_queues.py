"""Queues: names, addresses, attributes, tags, permissions."""

import json

import pytest


def test_a_queue_is_found_by_its_name(sqs, make):
    url = make("orders")
    assert url.endswith("/000000000000/orders")
    assert sqs.get_queue_url(QueueName="orders")["QueueUrl"] == url


@pytest.mark.parametrize("name", ["", "a b", "x" * 81, "naïve", "orders.fifo"])
def test_a_bad_name_is_refused(sqs, aws_error, name):
    with aws_error("InvalidParameterValue"):
        sqs.create_queue(QueueName=name)


def test_a_fifo_queue_needs_the_suffix(sqs, aws_error):
    with aws_error("InvalidParameterValue", "must end with .fifo suffix"):
        sqs.create_queue(QueueName="orders", Attributes={"FifoQueue": "true"})


def test_creating_the_same_queue_again_gives_its_url(make):
    assert make("orders", DelaySeconds="3") == make("orders", DelaySeconds="3") == make("orders")


def test_creating_it_with_other_attributes_is_refused(make, aws_error):
    make("orders", DelaySeconds="3")
    with aws_error("QueueAlreadyExists", "DelaySeconds"):
        make("orders", DelaySeconds="4")


def test_the_same_redrive_policy_may_be_written_differently(make, arn_of):
    dead = arn_of(make("dead"))
    first = make("orders", RedrivePolicy=json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 3}))
    assert first == make("orders", RedrivePolicy=json.dumps({"maxReceiveCount": "3", "deadLetterTargetArn": dead}))


def test_a_queue_that_is_not_there(sqs, aws_error):
    with aws_error("AWS.SimpleQueueService.NonExistentQueue"):
        sqs.get_queue_url(QueueName="nothing")
    with aws_error("AWS.SimpleQueueService.NonExistentQueue"):
        sqs.send_message(QueueUrl="http://localhost:4566/000000000000/nothing", MessageBody="x")


@pytest.mark.parametrize("url", ["http://localhost:4566/no/queue", "http://[", "/", "http://localhost:4566/"])
def test_an_address_that_is_none(sqs, aws_error, url):
    with aws_error("InvalidAddress"):
        sqs.send_message(QueueUrl=url, MessageBody="x")


def test_a_deleted_name_is_free_after_sixty_seconds(world, sqs, make, aws_error):
    sqs.delete_queue(QueueUrl=make("orders"))
    with aws_error("AWS.SimpleQueueService.QueueDeletedRecently"):
        make("orders")
    world.clock.advance(seconds=61)
    make("orders")


def test_a_new_queue_of_the_same_name_is_empty(world, sqs, make, bodies):
    url = make("orders")
    sqs.send_message(QueueUrl=url, MessageBody="old")
    sqs.delete_queue(QueueUrl=url)
    world.clock.advance(seconds=61)
    assert bodies(make("orders")) == []


def test_listing_by_prefix_and_by_pages(sqs, make):
    for name in ("a1", "a2", "a3", "b1"):
        make(name)
    assert [url.rpartition("/")[2] for url in sqs.list_queues(QueueNamePrefix="a")["QueueUrls"]] == ["a1", "a2", "a3"]
    first = sqs.list_queues(QueueNamePrefix="a", MaxResults=2)
    second = sqs.list_queues(QueueNamePrefix="a", MaxResults=2, NextToken=first["NextToken"])
    assert len(first["QueueUrls"]) == 2 and [url[-2:] for url in second["QueueUrls"]] == ["a3"] and "NextToken" not in second


def test_a_listing_without_queues_has_no_member(sqs):
    assert "QueueUrls" not in sqs.list_queues()


def test_a_token_nobody_gave_is_refused(sqs, make, aws_error):
    make("a")
    with aws_error("InvalidParameterValue"):
        sqs.list_queues(MaxResults=1, NextToken="é")


def test_attributes_have_awss_defaults(sqs, make):
    found = sqs.get_queue_attributes(QueueUrl=make("orders"), AttributeNames=["All"])["Attributes"]
    assert found.pop("CreatedTimestamp") == found.pop("LastModifiedTimestamp")
    assert found == {
        "QueueArn": "arn:aws:sqs:us-east-1:000000000000:orders",
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "DelaySeconds": "0",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "ReceiveMessageWaitTimeSeconds": "0",
        "VisibilityTimeout": "30",
        "SqsManagedSseEnabled": "true",
    }


def test_a_fifo_queue_shows_what_only_it_has(sqs, make):
    found = sqs.get_queue_attributes(QueueUrl=make("o.fifo"), AttributeNames=["All"])["Attributes"]
    assert found["FifoQueue"] == "true" and found["ContentBasedDeduplication"] == "false"
    assert found["DeduplicationScope"] == "queue" and found["FifoThroughputLimit"] == "perQueue"


def test_attributes_can_be_set(world, sqs, make):
    url = make("orders")
    world.clock.advance(seconds=5)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7", "MaximumMessageSize": "2048"})
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert found["VisibilityTimeout"] == "7" and found["MaximumMessageSize"] == "2048"
    assert int(found["LastModifiedTimestamp"]) >= int(found["CreatedTimestamp"]) + 5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VisibilityTimeout", "43201"),
        ("VisibilityTimeout", "soon"),
        ("DelaySeconds", "-1"),
        ("MaximumMessageSize", "1048577"),
        ("MessageRetentionPeriod", "59"),
        ("ReceiveMessageWaitTimeSeconds", "21"),
        ("SqsManagedSseEnabled", "maybe"),
        ("Policy", "{"),
    ],
)
def test_a_bad_value_is_refused(sqs, make, aws_error, name, value):
    with aws_error("InvalidAttributeValue", name):
        sqs.set_queue_attributes(QueueUrl=make("orders"), Attributes={name: value})


@pytest.mark.parametrize("name", ["QueueArn", "FifoQueue", "Nonsense", "ContentBasedDeduplication"])
def test_what_cannot_be_set_is_refused(sqs, make, aws_error, name):
    with aws_error("InvalidAttributeName"):
        sqs.set_queue_attributes(QueueUrl=make("orders"), Attributes={name: "true"})


def test_only_one_kind_of_encryption(sqs, make, aws_error):
    with aws_error("InvalidAttributeValue"):
        make("orders", KmsMasterKeyId="alias/aws/sqs", SqsManagedSseEnabled="true")
    url = make("other", KmsMasterKeyId="alias/aws/sqs")
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert found["SqsManagedSseEnabled"] == "false" and found["KmsDataKeyReusePeriodSeconds"] == "300"


def test_an_attribute_nobody_knows_is_refused_on_reading(sqs, make, aws_error):
    with aws_error("InvalidAttributeName"):
        sqs.get_queue_attributes(QueueUrl=make("orders"), AttributeNames=["Nonsense"])


def test_tags(sqs):
    url = sqs.create_queue(QueueName="orders", tags={"team": "a"})["QueueUrl"]
    sqs.tag_queue(QueueUrl=url, Tags={"stage": "dev"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["team"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"stage": "dev"}


def test_permissions_are_statements_of_the_policy(sqs, make, arn_of, aws_error):
    url = make("orders")
    sqs.add_permission(QueueUrl=url, Label="send", AWSAccountIds=["111111111111"], Actions=["SendMessage"])
    policy = json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
    assert policy["Statement"] == [
        {
            "Sid": "send",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
            "Action": "SQS:SendMessage",
            "Resource": arn_of(url),
        }
    ]
    with aws_error("InvalidParameterValue", "Already exists"):
        sqs.add_permission(QueueUrl=url, Label="send", AWSAccountIds=["111111111111"], Actions=["SendMessage"])
    sqs.remove_permission(QueueUrl=url, Label="send")
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    with aws_error("InvalidParameterValue", "can't find label"):
        sqs.remove_permission(QueueUrl=url, Label="send")


def test_another_account_needs_the_queues_leave(world, sqs, make, bodies, aws_error):
    url = make("orders")
    other = world.client("sqs", aws_access_key_id="111111111111", aws_secret_access_key="x")
    with aws_error("AccessDenied"):
        other.send_message(QueueUrl=url, MessageBody="too early")
    sqs.add_permission(QueueUrl=url, Label="send", AWSAccountIds=["111111111111"], Actions=["SendMessage"])
    other.send_message(QueueUrl=url, MessageBody="from afar")
    with aws_error("AccessDenied"):
        other.purge_queue(QueueUrl=url)
    assert bodies(url) == ["from afar"]


def test_regions_have_queues_of_their_own(world, make):
    make("orders")
    assert "QueueUrls" not in world.client("sqs", region_name="eu-west-1").list_queues()
