"""Sending, receiving, deleting; time."""

import hashlib

import pytest


def test_what_is_sent_is_received(sqs, make, receive):
    url = make("orders")
    sent = sqs.send_message(QueueUrl=url, MessageBody="héllo")
    (message,) = receive(url)
    assert message["Body"] == "héllo" and message["MessageId"] == sent["MessageId"]
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"] == hashlib.md5("héllo".encode()).hexdigest()


def test_messages_come_oldest_first(sqs, make, bodies):
    url = make("orders")
    for number in range(12):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    assert bodies(url, 10) == [str(number) for number in range(10)]
    assert bodies(url, 10) == ["10", "11"]


def test_an_empty_queue_answers_without_messages(sqs, make):
    assert "Messages" not in sqs.receive_message(QueueUrl=make("orders"))


def test_a_received_message_is_hidden_until_its_timeout(world, sqs, make, bodies):
    url = make("orders", VisibilityTimeout="10")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    assert bodies(url) == ["x"]
    world.clock.advance(seconds=9)
    assert bodies(url) == []
    world.clock.advance(seconds=2)
    assert bodies(url) == ["x"]


def test_a_deleted_message_stays_away(world, sqs, make, receive, bodies):
    url = make("orders")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=receive(url)[0]["ReceiptHandle"])
    world.clock.advance(seconds=60)
    assert bodies(url) == []


def test_deleting_twice_succeeds(sqs, make, receive):
    url = make("orders")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    handle = receive(url)[0]["ReceiptHandle"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)


def test_an_older_handle_deletes_nothing(sqs, make, receive, bodies):
    url = make("orders")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    old = receive(url, VisibilityTimeout=0)[0]["ReceiptHandle"]
    receive(url, VisibilityTimeout=0)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=old)
    assert bodies(url) == ["x"]


@pytest.mark.parametrize("handle", ["nonsense", "é", "U1FTMQ==", "", "AQEB" * 50])
def test_a_handle_that_is_none_is_refused(sqs, make, aws_error, handle):
    url = make("orders")
    with aws_error("ReceiptHandleIsInvalid"):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)


def test_a_handle_of_another_queue_is_refused(sqs, make, receive, aws_error):
    one, two = make("one"), make("two")
    sqs.send_message(QueueUrl=one, MessageBody="x")
    with aws_error("ReceiptHandleIsInvalid"):
        sqs.delete_message(QueueUrl=two, ReceiptHandle=receive(one)[0]["ReceiptHandle"])


def test_visibility_can_be_ended_and_prolonged(world, sqs, make, receive, bodies):
    url = make("orders", VisibilityTimeout="10")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    handle = receive(url)[0]["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=100)
    world.clock.advance(seconds=50)
    assert bodies(url) == []
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    assert bodies(url) == ["x"]


def test_visibility_of_what_is_not_in_flight(world, sqs, make, receive, aws_error):
    url = make("orders", VisibilityTimeout="10")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    handle = receive(url)[0]["ReceiptHandle"]
    world.clock.advance(seconds=11)
    with aws_error("AWS.SimpleQueueService.MessageNotInflight"):
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=5)


def test_twelve_hours_in_all(world, sqs, make, receive, aws_error):
    url = make("orders", VisibilityTimeout="43200")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    handle = receive(url)[0]["ReceiptHandle"]
    world.clock.advance(hours=1)
    with aws_error("InvalidParameterValue", "beyond the limit"):
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=43200)


def test_a_delayed_message_comes_later(world, sqs, make, bodies, counts):
    url = make("orders", DelaySeconds="60")
    sqs.send_message(QueueUrl=url, MessageBody="queue's delay")
    sqs.send_message(QueueUrl=url, MessageBody="own delay", DelaySeconds=5)
    sqs.send_message(QueueUrl=url, MessageBody="none", DelaySeconds=0)
    assert counts(url) == (1, 0, 2)
    assert bodies(url) == ["none"]
    world.clock.advance(seconds=6)
    assert counts(url) == (1, 1, 1)
    assert bodies(url) == ["own delay"]
    world.clock.advance(seconds=60)
    assert "queue's delay" in bodies(url)


def test_counts_follow_the_messages(world, sqs, make, receive, counts):
    url = make("orders", VisibilityTimeout="10")
    for _ in range(5):
        sqs.send_message(QueueUrl=url, MessageBody="x")
    assert counts(url) == (5, 0, 0)
    taken = receive(url, 3)
    assert counts(url) == (2, 3, 0)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=taken[0]["ReceiptHandle"])
    assert counts(url) == (2, 2, 0)
    world.clock.advance(seconds=11)
    assert counts(url) == (4, 0, 0)


def test_counts_survive_a_refused_batch_entry(sqs, make, counts):
    url = make("orders")
    answer = sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "a", "MessageBody": "x"}, {"Id": "b", "MessageBody": "\x01"}])
    assert [each["Id"] for each in answer["Failed"]] == ["b"]
    assert counts(url) == (1, 0, 0)


def test_messages_expire(world, sqs, make, bodies, counts):
    url = make("orders", MessageRetentionPeriod="60")
    sqs.send_message(QueueUrl=url, MessageBody="old")
    world.clock.advance(seconds=40)
    sqs.send_message(QueueUrl=url, MessageBody="young")
    world.clock.advance(seconds=30)
    assert counts(url) == (1, 0, 0)
    assert bodies(url) == ["young"]
    world.clock.advance(seconds=60)
    assert counts(url) == (0, 0, 0)


def test_a_shorter_retention_concerns_messages_that_are_there(world, sqs, make, counts):
    url = make("orders")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    world.clock.advance(seconds=100)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "60"})
    world.clock.advance(seconds=1)
    assert counts(url) == (0, 0, 0)


def test_purge_empties_the_queue_once_a_minute(world, sqs, make, receive, counts, aws_error):
    url = make("orders")
    for _ in range(3):
        sqs.send_message(QueueUrl=url, MessageBody="x")
    handle = receive(url, 1)[0]["ReceiptHandle"]
    sqs.purge_queue(QueueUrl=url)
    assert counts(url) == (0, 0, 0) and receive(url) == []
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    with aws_error("AWS.SimpleQueueService.PurgeQueueInProgress"):
        sqs.purge_queue(QueueUrl=url)
    world.clock.advance(seconds=61)
    sqs.purge_queue(QueueUrl=url)


def test_system_attributes(world, sqs, make, receive):
    url = make("orders")
    header = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5e3d83c1-e6a0db584850d61342823d4c"}}
    sent = sqs.send_message(QueueUrl=url, MessageBody="x", MessageSystemAttributes=header)
    assert len(sent["MD5OfMessageSystemAttributes"]) == 32
    receive(url, VisibilityTimeout=0)
    (message,) = receive(url, MessageSystemAttributeNames=["All"], VisibilityTimeout=0)
    found = message["Attributes"]
    assert found["ApproximateReceiveCount"] == "2" and found["SenderId"] == "000000000000"
    assert found["AWSTraceHeader"] == header["AWSTraceHeader"]["StringValue"]
    assert int(found["SentTimestamp"]) <= int(found["ApproximateFirstReceiveTimestamp"])
    (message,) = receive(url, AttributeNames=["SenderId"])
    assert message["Attributes"] == {"SenderId": "000000000000"}


ATTRIBUTES = {
    "city": {"DataType": "String", "StringValue": "Zürich"},
    "count": {"DataType": "Number.int", "StringValue": "12"},
    "data.raw": {"DataType": "Binary", "BinaryValue": b"\0\xff"},
}


def test_message_attributes_come_back_when_asked_for(sqs, make, receive):
    url = make("orders")
    sent = sqs.send_message(QueueUrl=url, MessageBody="x", MessageAttributes=ATTRIBUTES)
    (message,) = receive(url, MessageAttributeNames=["All"], VisibilityTimeout=0)
    assert message["MessageAttributes"] == ATTRIBUTES
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    (message,) = receive(url, VisibilityTimeout=0)
    assert "MessageAttributes" not in message
    (message,) = receive(url, MessageAttributeNames=["data.*", "city"])
    assert set(message["MessageAttributes"]) == {"city", "data.raw"}


def test_the_md5_of_attributes_is_awss(sqs, make):
    # The digest by the Developer Guide's recipe, written out.
    recipe = b""
    for part in (b"city", b"String"):
        recipe += len(part).to_bytes(4, "big") + part
    recipe += b"\1" + (7).to_bytes(4, "big") + "Zürich".encode()
    sent = sqs.send_message(QueueUrl=make("orders"), MessageBody="x", MessageAttributes={"city": ATTRIBUTES["city"]})
    assert sent["MD5OfMessageAttributes"] == hashlib.md5(recipe).hexdigest()


@pytest.mark.parametrize(
    "attribute",
    [
        {"a b": {"DataType": "String", "StringValue": "x"}},
        {"AWS.x": {"DataType": "String", "StringValue": "x"}},
        {".x": {"DataType": "String", "StringValue": "x"}},
        {"x": {"DataType": "", "StringValue": "x"}},
        {"x": {"DataType": "Text", "StringValue": "x"}},
        {"x": {"DataType": "String", "StringValue": ""}},
        {"x": {"DataType": "Binary", "StringValue": "x"}},
        {"x": {"DataType": "Number", "StringValue": "twelve"}},
        {f"x{number}": {"DataType": "String", "StringValue": "x"} for number in range(11)},
    ],
)
def test_a_bad_attribute_is_refused(sqs, make, aws_error, attribute):
    with aws_error("InvalidParameterValue"):
        sqs.send_message(QueueUrl=make("orders"), MessageBody="x", MessageAttributes=attribute)


def test_letters_that_xml_lacks_are_refused(sqs, make, aws_error):
    with aws_error("InvalidMessageContents"):
        sqs.send_message(QueueUrl=make("orders"), MessageBody="a\x00b")


def test_an_empty_body_is_refused(sqs, make, aws_error):
    with aws_error("MissingParameter"):
        sqs.send_message(QueueUrl=make("orders"), MessageBody="")


def test_a_mebibyte_and_no_more(sqs, make, receive, aws_error):
    url = make("orders")
    body = "é" * 524_288
    sqs.send_message(QueueUrl=url, MessageBody=body)
    assert receive(url)[0]["Body"] == body
    with aws_error("InvalidParameterValue", "shorter than 1048576 bytes"):
        sqs.send_message(QueueUrl=url, MessageBody=body + "x")


def test_attributes_count_towards_the_size(sqs, make, aws_error):
    url = make("orders", MaximumMessageSize="1024")
    sqs.send_message(QueueUrl=url, MessageBody="x" * 1000)
    with aws_error("InvalidParameterValue", "shorter than 1024 bytes"):
        sqs.send_message(QueueUrl=url, MessageBody="x" * 1000, MessageAttributes={"name": {"DataType": "String", "StringValue": "y" * 15}})


def test_numbers_out_of_range_are_refused(sqs, make, aws_error):
    url = make("orders")
    for parameters in ({"MaxNumberOfMessages": 11}, {"MaxNumberOfMessages": 0}, {"WaitTimeSeconds": 21}, {"VisibilityTimeout": 43201}):
        with aws_error("InvalidParameterValue"):
            sqs.receive_message(QueueUrl=url, **parameters)
    with aws_error("InvalidParameterValue"):
        sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=901)


def test_a_batch_of_each_kind(sqs, make, receive, counts):
    url = make("orders")
    sent = sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": f"m{n}"} for n in range(10)])
    assert len(sent["Successful"]) == 10 and "Failed" not in sent
    taken = receive(url, 10)
    entries = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(taken)]
    changed = sqs.change_message_visibility_batch(QueueUrl=url, Entries=[{**each, "VisibilityTimeout": 0} for each in entries[:4]])
    assert len(changed["Successful"]) == 4 and counts(url) == (4, 6, 0)
    gone = sqs.delete_message_batch(QueueUrl=url, Entries=[*entries[4:], {"Id": "bad", "ReceiptHandle": "nonsense"}])
    assert len(gone["Successful"]) == 6 and [(each["Id"], each["SenderFault"]) for each in gone["Failed"]] == [("bad", True)]
    assert counts(url) == (4, 0, 0)


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        ([], "EmptyBatchRequest"),
        ([str(n) for n in range(11)], "TooManyEntriesInBatchRequest"),
        (["a", "a"], "BatchEntryIdsNotDistinct"),
        (["a b"], "InvalidBatchEntryId"),
    ],
)
def test_a_bad_batch_is_refused_whole(sqs, make, aws_error, ids, code):
    with aws_error(f"AWS.SimpleQueueService.{code}"):
        sqs.send_message_batch(QueueUrl=make("orders"), Entries=[{"Id": each, "MessageBody": "x"} for each in ids])


def test_a_batch_is_at_most_a_mebibyte(sqs, make, counts, aws_error):
    url = make("orders")
    with aws_error("AWS.SimpleQueueService.BatchRequestTooLong"):
        sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": each, "MessageBody": "x" * 600_000} for each in "ab"])
    assert counts(url) == (0, 0, 0)


def test_an_attempt_id_is_for_fifo_queues(sqs, make, aws_error):
    with aws_error("InvalidParameterValue", "ReceiveRequestAttemptId"):
        sqs.receive_message(QueueUrl=make("orders"), ReceiveRequestAttemptId="1")
