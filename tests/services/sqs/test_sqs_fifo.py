"""FIFO queues: order, groups, deduplication."""

import pytest


@pytest.fixture
def send(sqs):
    def send_message(url, body, group="g", deduplication_id=None, **more):
        return sqs.send_message(
            QueueUrl=url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=deduplication_id or f"{group}-{body}", **more
        )

    return send_message


def test_order_holds_within_a_group(make, send, bodies):
    url = make("o.fifo")
    for number in range(5):
        send(url, str(number))
    assert bodies(url) == ["0", "1", "2", "3", "4"]


def test_sequence_numbers_grow(make, send, receive):
    url = make("o.fifo")
    first, second = (send(url, body)["SequenceNumber"] for body in "ab")
    assert len(first) == 20 and int(first) < int(second)
    found = receive(url, AttributeNames=["All"])[1]["Attributes"]
    assert found["SequenceNumber"] == second and found["MessageGroupId"] == "g" and found["MessageDeduplicationId"] == "g-b"


def test_a_group_waits_for_what_is_in_flight(sqs, make, send, receive, bodies):
    url = make("o.fifo")
    for body in "ab":
        send(url, body, "one")
    send(url, "c", "two")
    first = receive(url, 1)[0]
    assert first["Body"] == "a"
    assert bodies(url) == ["c"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    assert bodies(url) == ["b"]


def test_a_timeout_gives_the_group_back_in_order(world, make, send, bodies):
    url = make("o.fifo", VisibilityTimeout="10")
    for body in "abc":
        send(url, body)
    assert bodies(url, 2) == ["a", "b"]
    world.clock.advance(seconds=11)
    assert bodies(url) == ["a", "b", "c"]


def test_a_message_given_back_comes_first_again(sqs, make, send, receive, bodies):
    url = make("o.fifo")
    for body in "ab":
        send(url, body)
    handle = receive(url, 1)[0]["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    assert bodies(url) == ["a", "b"]


def test_a_late_delete_is_refused(world, sqs, make, send, receive, aws_error):
    url = make("o.fifo", VisibilityTimeout="10")
    send(url, "a")
    handle = receive(url)[0]["ReceiptHandle"]
    world.clock.advance(seconds=11)
    with aws_error("InvalidParameterValue", "receipt handle has expired"):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)


def test_a_repeated_id_makes_no_second_message(world, make, send, bodies):
    url = make("o.fifo")
    first = send(url, "a", deduplication_id="once")
    again = send(url, "b", deduplication_id="once")
    assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    assert bodies(url) == ["a"]


def test_an_id_is_free_again_after_five_minutes(world, make, send, counts):
    url = make("o.fifo")
    send(url, "a", deduplication_id="once")
    world.clock.advance(seconds=299)
    send(url, "b", deduplication_id="once")
    assert counts(url) == (1, 0, 0)
    world.clock.advance(seconds=2)
    send(url, "c", deduplication_id="once")
    assert counts(url) == (2, 0, 0)


def test_an_id_stays_taken_after_the_message_is_deleted(sqs, make, send, receive, bodies):
    url = make("o.fifo")
    send(url, "a", deduplication_id="once")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=receive(url)[0]["ReceiptHandle"])
    send(url, "b", deduplication_id="once")
    assert bodies(url) == []


def test_content_may_be_the_id(sqs, make, counts):
    url = make("o.fifo", ContentBasedDeduplication="true")
    for body in ("same", "same", "other"):
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
    assert counts(url) == (2, 0, 0)


def test_ids_count_by_group_in_high_throughput_queues(make, send, counts):
    url = make("o.fifo", DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    for group in ("one", "two", "one"):
        send(url, "a", group, deduplication_id="id")
    assert counts(url) == (2, 0, 0)


def test_the_throughput_limit_by_group_needs_its_scope(make, aws_error):
    with aws_error("InvalidAttributeValue"):
        make("o.fifo", FifoThroughputLimit="perMessageGroupId")


def test_what_fifo_messages_need(sqs, make, aws_error):
    url = make("o.fifo")
    with aws_error("MissingParameter", "MessageGroupId"):
        sqs.send_message(QueueUrl=url, MessageBody="x")
    with aws_error("InvalidParameterValue", "ContentBasedDeduplication"):
        sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="g")
    with aws_error("InvalidParameterValue", "MessageGroupId"):
        sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="a b", MessageDeduplicationId="1")
    with aws_error("InvalidParameterValue", "DelaySeconds"):
        sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="g", MessageDeduplicationId="1", DelaySeconds=5)


def test_a_standard_queue_takes_groups_but_no_ids(sqs, make, receive, aws_error):
    url = make("orders")
    sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="tenant")
    assert receive(url, AttributeNames=["All"])[0]["Attributes"]["MessageGroupId"] == "tenant"
    with aws_error("InvalidParameterValue", "not valid for this queue type"):
        sqs.send_message(QueueUrl=url, MessageBody="x", MessageDeduplicationId="1")


def test_the_queues_delay_keeps_order(world, make, send, bodies):
    url = make("o.fifo", DelaySeconds="10")
    send(url, "a")
    world.clock.advance(seconds=5)
    send(url, "b")
    assert bodies(url) == []
    world.clock.advance(seconds=6)
    assert bodies(url) == ["a"]


def test_an_attempt_that_was_lost_gets_its_messages_again(make, send, receive, bodies):
    url = make("o.fifo")
    for body in "ab":
        send(url, body)
    first = receive(url, 1, ReceiveRequestAttemptId="try")
    assert receive(url, 1, ReceiveRequestAttemptId="try") == first
    assert bodies(url, 1, ReceiveRequestAttemptId="other") == []


def test_groups_take_turns_by_age(make, send, receive):
    url = make("o.fifo")
    for group, body in (("b", "1"), ("a", "2"), ("b", "3"), ("a", "4")):
        send(url, body, group)
    assert [each["Body"] for each in receive(url, 10)] == ["1", "3", "2", "4"]
