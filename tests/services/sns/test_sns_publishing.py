"""Publishing to queues: envelopes, signatures, raw messages, filters, FIFO topics, batches."""

import base64
import json
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256


@pytest.fixture
def subscribed(sns, topic, open_queue):
    """`subscribed("q", RawMessageDelivery="true")`: the URL of a new queue that is subscribed to the topic."""

    def make(name, arn=topic, **attributes):
        url, queue = open_queue(name)
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue, Attributes=attributes)
        return url

    return make


ATTRIBUTES = {"kind": {"DataType": "String", "StringValue": "é"}, "blob": {"DataType": "Binary", "BinaryValue": b"\xff"}}


def test_a_queue_gets_the_envelope(sns, topic, subscribed, received):
    url = subscribed("q")
    sent = sns.publish(TopicArn=topic, Message="hé", Subject="Hi", MessageAttributes=ATTRIBUTES)
    (message,) = received(url)
    body = json.loads(message["Body"])
    assert body["MessageId"] == sent["MessageId"] and (body["Type"], body["Message"], body["Subject"]) == ("Notification", "hé", "Hi")
    assert body["MessageAttributes"] == {"kind": {"Type": "String", "Value": "é"}, "blob": {"Type": "Binary", "Value": "/w=="}}
    assert body["UnsubscribeURL"].startswith("http") and "MessageAttributes" not in message


def test_raw_delivery_passes_the_message_on(sns, topic, subscribed, received):
    url = subscribed("q", RawMessageDelivery="true")
    sns.publish(TopicArn=topic, Message="plain", MessageAttributes=ATTRIBUTES)
    (message,) = received(url)
    assert message["Body"] == "plain" and message["MessageAttributes"] == ATTRIBUTES


@pytest.mark.parametrize(("version", "digest"), [("1", SHA1()), ("2", SHA256())])
def test_the_signature_verifies_with_the_certificate_that_the_message_names(world, sns, topic, subscribed, received, version, digest):
    url = subscribed("q")
    sns.set_topic_attributes(TopicArn=topic, AttributeName="SignatureVersion", AttributeValue=version)
    sns.publish(TopicArn=topic, Message="trust me", Subject="s")
    body = json.loads(received(url)[0]["Body"])
    assert body["SignatureVersion"] == version
    certificate_path = body["SigningCertURL"].partition("/SimpleNotificationService-")[2]
    with urllib.request.urlopen(f"{world.endpoint}/SimpleNotificationService-{certificate_path}", timeout=10) as response:
        certificate = x509.load_pem_x509_certificate(response.read())
    names = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    text = "".join(f"{name}\n{body[name]}\n" for name in names)
    certificate.public_key().verify(base64.b64decode(body["Signature"]), text.encode(), PKCS1v15(), digest)


def test_a_queue_that_lets_nobody_in_gets_nothing(sns, sqs, topic, received):
    url = sqs.create_queue(QueueName="shut")["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:000000000000:shut")
    sns.publish(TopicArn=topic, Message="x")
    assert received(url) == []


def test_a_queues_policy_may_name_the_topic(sns, sqs, topic, received):
    arn = "arn:aws:sqs:us-east-1:000000000000:guarded"
    statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    policy = {"Version": "2012-10-17", "Statement": [{**statement, "Condition": {"ArnEquals": {"aws:SourceArn": topic}}}]}
    url = sqs.create_queue(QueueName="guarded", Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
    other = sns.create_topic(Name="other")["TopicArn"]
    for each in (topic, other):
        sns.subscribe(TopicArn=each, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
        sns.publish(TopicArn=each, Message=each)
    assert [message["Body"] for message in received(url)] == [topic]


def test_what_cannot_be_delivered_goes_to_the_dead_letter_queue(sns, sqs, topic, open_queue, received):
    dead_url, dead = open_queue("dead")
    sqs.create_queue(QueueName="shut")
    attributes = {"RawMessageDelivery": "true", "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead})}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:000000000000:shut", Attributes=attributes)
    sns.publish(TopicArn=topic, Message="lost")
    (message,) = received(dead_url)
    assert message["Body"] == "lost" and set(message["MessageAttributes"]) == {"RequestID", "ErrorCode", "ErrorMessage"}


def test_a_filter_policy_on_attributes(sns, topic, subscribed, received):
    url = subscribed("q", FilterPolicy='{"kind": ["good"]}', RawMessageDelivery="true")
    for kind in ("good", "bad"):
        sns.publish(TopicArn=topic, Message=kind, MessageAttributes={"kind": {"DataType": "String", "StringValue": kind}})
    assert [message["Body"] for message in received(url)] == ["good"]


def test_a_filter_policy_on_the_body(sns, topic, subscribed, received):
    url = subscribed("q", FilterPolicy='{"order": {"total": [{"numeric": [">", 10]}]}}', FilterPolicyScope="MessageBody")
    for total in (5, 50):
        sns.publish(TopicArn=topic, Message=json.dumps({"order": {"total": total}}))
    assert [json.loads(json.loads(message["Body"])["Message"])["order"]["total"] for message in received(url)] == [50]


def test_a_message_may_differ_by_protocol(world, sns, topic, subscribed, received, aws_error):
    url = subscribed("q", RawMessageDelivery="true")
    sns.publish(TopicArn=topic, Message=json.dumps({"default": "for all", "sqs": "for queues"}), MessageStructure="json")
    assert received(url)[0]["Body"] == "for queues"
    for message in ("nonsense", '{"sqs": "x"}', "[]"):
        with aws_error("InvalidParameter", "Message Structure"):
            sns.publish(TopicArn=topic, Message=message, MessageStructure="json")


@pytest.mark.parametrize(
    "parameters",
    [
        {"Message": ""},
        {"Message": "x" * 262_145},
        {"Message": "x", "Subject": "a\nb"},
        {"Message": "x", "Subject": "x" * 101},
        {"Message": "x", "MessageStructure": "xml"},
        {"Message": "x", "MessageDeduplicationId": "1"},
    ],
)
def test_a_bad_message_is_refused(sns, topic, aws_error, parameters):
    with aws_error("InvalidParameter"):
        sns.publish(TopicArn=topic, **parameters)


@pytest.mark.parametrize(
    "attribute",
    [
        {"DataType": "Text", "StringValue": "x"},
        {"DataType": "String", "StringValue": ""},
        {"DataType": "Number", "StringValue": "x"},
        {"DataType": "String.Array", "StringValue": "x"},
        {"DataType": "", "StringValue": "x"},
    ],
)
def test_a_bad_attribute_is_refused(sns, topic, aws_error, attribute):
    with aws_error("ParameterValueInvalid"):
        sns.publish(TopicArn=topic, Message="x", MessageAttributes={"a": attribute})


def test_a_target_is_needed(sns, aws_error):
    with aws_error("InvalidParameter"):
        sns.publish(Message="x")


def test_a_batch(sns, topic, subscribed, received):
    url = subscribed("q", RawMessageDelivery="true")
    entries = [{"Id": "a", "Message": "one"}, {"Id": "b", "Message": ""}, {"Id": "c", "Message": "three"}]
    answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [each["Id"] for each in answer["Successful"]] == ["a", "c"]
    assert [(each["Id"], each["Code"]) for each in answer["Failed"]] == [("b", "InvalidParameter")]
    assert [message["Body"] for message in received(url)] == ["one", "three"]


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        ([], "EmptyBatchRequest"),
        ([str(n) for n in range(11)], "TooManyEntriesInBatchRequest"),
        (["a", "a"], "BatchEntryIdsNotDistinct"),
        (["a b"], "InvalidBatchEntryId"),
    ],
)
def test_a_bad_batch_is_refused_whole(sns, topic, aws_error, ids, code):
    with aws_error(code):
        sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[{"Id": each, "Message": "x"} for each in ids])


@pytest.fixture
def fifo(sns):
    return sns.create_topic(Name="n.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]


def test_a_fifo_topic_keeps_order_and_drops_repetitions(world, sns, fifo, subscribed, received):
    url = subscribed("q.fifo", fifo, RawMessageDelivery="true")
    for body in ("1", "2", "2", "3"):
        sns.publish(TopicArn=fifo, Message=body, MessageGroupId="g", MessageDeduplicationId=body)
    found = received(url)
    assert [message["Body"] for message in found] == ["1", "2", "3"]
    assert found[0]["Attributes"]["MessageGroupId"] == "g"
    world.clock.advance(minutes=6)
    sns.publish(TopicArn=fifo, Message="2", MessageGroupId="h", MessageDeduplicationId="2")
    assert [message["Body"] for message in received(url)][-1] == "2"


def test_a_repetition_gets_the_first_ones_answer(sns, fifo):
    first, again = (sns.publish(TopicArn=fifo, Message=body, MessageGroupId="g", MessageDeduplicationId="same") for body in ("a", "b"))
    assert first["MessageId"] == again["MessageId"] and first["SequenceNumber"] == again["SequenceNumber"]
    assert len(first["SequenceNumber"]) == 20


def test_what_fifo_messages_need(sns, fifo, aws_error):
    with aws_error("InvalidParameter", "MessageGroupId"):
        sns.publish(TopicArn=fifo, Message="x")
    with aws_error("InvalidParameter", "ContentBasedDeduplication"):
        sns.publish(TopicArn=fifo, Message="x", MessageGroupId="g")


def test_a_fifo_topic_feeds_standard_queues_too(sns, fifo, subscribed, received):
    url = subscribed("plain", fifo, RawMessageDelivery="true")
    sns.publish(TopicArn=fifo, Message="x", MessageGroupId="g", MessageDeduplicationId="1")
    assert [message["Body"] for message in received(url)] == ["x"]


def test_a_topic_with_a_key_of_kms_needs_the_key_to_work(world, sns, topic, subscribed, received, aws_error):
    url = subscribed("q", RawMessageDelivery="true")
    kms = world.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    sns.set_topic_attributes(TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue=key)
    sns.publish(TopicArn=topic, Message="x")
    assert received(url)
    kms.disable_key(KeyId=key)
    with aws_error("KMSDisabled"):
        sns.publish(TopicArn=topic, Message="x")
