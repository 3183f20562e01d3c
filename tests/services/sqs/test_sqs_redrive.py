"""Dead-letter queues and message move tasks."""

import json

import pytest


@pytest.fixture
def pair(make, arn_of):
    """(source, dead letters): after two receives a message is given up."""

    def make_pair(suffix=""):
        dead = make("dead" + suffix)
        policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 2})
        return make("orders" + suffix, RedrivePolicy=policy, VisibilityTimeout="0"), dead

    return make_pair


def test_a_message_received_too_often_is_given_up(sqs, pair, arn_of, bodies, receive):
    source, dead = pair()
    sent = sqs.send_message(QueueUrl=source, MessageBody="poison", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}})
    assert bodies(source) == bodies(source) == ["poison"]
    assert bodies(source) == []
    (message,) = receive(dead, AttributeNames=["All"], MessageAttributeNames=["All"])
    assert message["MessageId"] == sent["MessageId"] and message["MessageAttributes"]["a"]["StringValue"] == "b"
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == arn_of(source)


def test_messages_behind_a_poisonous_one_come_through(sqs, pair, bodies):
    source, _ = pair()
    sqs.send_message(QueueUrl=source, MessageBody="poison")
    bodies(source), bodies(source)
    sqs.send_message(QueueUrl=source, MessageBody="good")
    assert bodies(source) == ["good"]


def test_a_fifo_group_goes_on_after_its_poison(sqs, pair, bodies):
    source, dead = pair(".fifo")
    for body in ("poison", "good"):
        sqs.send_message(QueueUrl=source, MessageBody=body, MessageGroupId="g", MessageDeduplicationId=body)
    assert bodies(source, 1) == bodies(source, 1) == ["poison"]
    assert bodies(source, 1) == ["good"]
    assert bodies(dead) == ["poison"]


def test_without_the_dead_letter_queue_the_message_stays(sqs, pair, bodies):
    source, dead = pair()
    sqs.delete_queue(QueueUrl=dead)
    sqs.send_message(QueueUrl=source, MessageBody="x")
    assert [bodies(source) for _ in range(4)] == [["x"]] * 4


def test_the_sources_of_a_dead_letter_queue(sqs, pair):
    source, dead = pair()
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [source]
    sqs.set_queue_attributes(QueueUrl=source, Attributes={"RedrivePolicy": ""})
    assert not sqs.list_dead_letter_source_queues(QueueUrl=dead).get("queueUrls")


@pytest.mark.parametrize(
    "policy",
    [
        "nonsense",
        "[]",
        '{"maxReceiveCount": 1}',
        '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead"}',
        '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": 0}',
        '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": 1001}',
        '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": 1, "more": 1}',
        '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:none", "maxReceiveCount": 1}',
        '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:d.fifo", "maxReceiveCount": 1}',
    ],
)
def test_a_bad_redrive_policy_is_refused(make, aws_error, policy):
    make("dead"), make("d.fifo")
    with aws_error("InvalidParameterValue"):
        make("orders", RedrivePolicy=policy)


def test_a_queue_may_refuse_dead_letters(sqs, make, arn_of, aws_error):
    dead = make("dead", RedriveAllowPolicy='{"redrivePermission": "denyAll"}')
    policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 1})
    with aws_error("InvalidParameterValue"):
        make("orders", RedrivePolicy=policy)
    allowed = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": ["arn:aws:sqs:us-east-1:000000000000:orders"]})
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": allowed})
    make("orders", RedrivePolicy=policy)
    with aws_error("InvalidParameterValue"):
        make("others", RedrivePolicy=policy)


@pytest.mark.parametrize("policy", ["x", '{"redrivePermission": "some"}', '{"redrivePermission": "byQueue"}'])
def test_a_bad_allow_policy_is_refused(make, aws_error, policy):
    with aws_error("InvalidParameterValue"):
        make("dead", RedriveAllowPolicy=policy)


def given_up(sqs, bodies, source, count):
    for number in range(count):
        sqs.send_message(QueueUrl=source, MessageBody=str(number))
    for _ in range(3):
        bodies(source, 10)


def test_a_move_task_brings_messages_back(world, sqs, pair, arn_of, bodies, counts):
    source, dead = pair()
    given_up(sqs, bodies, source, 4)
    assert counts(dead) == (4, 0, 0)
    handle = sqs.start_message_move_task(SourceArn=arn_of(dead))["TaskHandle"]
    assert handle
    world.clock.advance(seconds=2)
    assert counts(dead) == (0, 0, 0) and counts(source) == (4, 0, 0)
    (task,) = sqs.list_message_move_tasks(SourceArn=arn_of(dead))["Results"]
    assert task["Status"] == "COMPLETED" and task["ApproximateNumberOfMessagesMoved"] == 4
    assert sorted(bodies(source)) == ["0", "1", "2", "3"]


def test_a_move_task_keeps_its_rate_and_can_be_cancelled(world, sqs, pair, make, arn_of, bodies, counts, aws_error):
    source, dead = pair()
    given_up(sqs, bodies, source, 6)
    other = make("other")
    arn = arn_of(dead)
    world.clock.freeze()
    handle = sqs.start_message_move_task(SourceArn=arn, DestinationArn=arn_of(other), MaxNumberOfMessagesPerSecond=2)["TaskHandle"]
    with aws_error("AWS.SimpleQueueService.UnsupportedOperation"):
        sqs.start_message_move_task(SourceArn=arn)
    world.clock.advance(seconds=1.5)
    assert counts(other) == (4, 0, 0)
    assert sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"] == 4
    world.clock.advance(seconds=5)
    assert sqs.list_message_move_tasks(SourceArn=arn)["Results"][0]["Status"] == "CANCELLED"
    assert counts(dead) == (2, 0, 0)
    with aws_error("AWS.SimpleQueueService.UnsupportedOperation"):
        sqs.cancel_message_move_task(TaskHandle=handle)


def test_a_message_without_a_source_fails_the_task(world, sqs, pair, arn_of):
    _, dead = pair()
    sqs.send_message(QueueUrl=dead, MessageBody="sent here directly")
    sqs.start_message_move_task(SourceArn=arn_of(dead))
    world.clock.advance(seconds=2)
    (task,) = sqs.list_message_move_tasks(SourceArn=arn_of(dead))["Results"]
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")


def test_what_move_tasks_refuse(sqs, make, arn_of, aws_error):
    plain = arn_of(make("plain"))
    with aws_error("InvalidParameterValue", "Dead Letter Queue"):
        sqs.start_message_move_task(SourceArn=plain)
    with aws_error("ResourceNotFoundException"):
        sqs.start_message_move_task(SourceArn="arn:aws:sqs:us-east-1:000000000000:none")
    with aws_error("InvalidParameterValue"):
        sqs.cancel_message_move_task(TaskHandle="nonsense")
