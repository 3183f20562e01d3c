"""The archive of FIFO topics, and replays."""

import json

import pytest


def replay(start, end=None):
    policy = {"PointType": "Timestamp", "StartingPoint": start.isoformat()}
    return json.dumps(policy | ({"EndingPoint": end.isoformat()} if end else {}))


@pytest.fixture
def archive(world, sns, open_queue, received):
    """A topic that keeps messages for thirty days, with three in it, and a queue without a subscription."""

    class Archive:
        def __init__(self):
            world.clock.freeze()
            attributes = {"FifoTopic": "true", "ContentBasedDeduplication": "true", "ArchivePolicy": '{"MessageRetentionPeriod":"30"}'}
            self.topic = sns.create_topic(Name="n.fifo", Attributes=attributes)["TopicArn"]
            self.began = world.clock.now()
            self.url, self.queue = open_queue("q.fifo")
            for text in ("a", "b", "c"):
                self.publish(text)
                world.clock.advance(hours=1)

        def publish(self, text):
            attributes = {"k": {"DataType": "Binary", "BinaryValue": b"\xff"}}
            return sns.publish(TopicArn=self.topic, Message=text, MessageGroupId="g", MessageAttributes=attributes)

        def subscribe(self, **attributes):
            return sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=self.queue, Attributes=attributes)["SubscriptionArn"]

        def documents(self):
            return [json.loads(each["Body"]) for each in received(self.url)]

        def texts(self):
            return [each["Message"] for each in self.documents()]

    return Archive()


def test_a_new_subscription_can_replay_everything_and_goes_on(world, sns, archive):
    arn = archive.subscribe(ReplayPolicy=replay(archive.began))
    world.settle()
    world.clock.advance(seconds=1)
    found = archive.documents()
    assert [each["Message"] for each in found] == ["a", "b", "c"]
    assert all(each["Replayed"] for each in found) and found[0]["MessageAttributes"] == {"k": {"Type": "Binary", "Value": "/w=="}}
    assert sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["ReplayStatus"] == "Completed"


def test_after_a_replay_without_an_end_new_messages_come(world, sns, archive, sqs, received):
    archive.subscribe(ReplayPolicy=replay(archive.began))
    world.clock.advance(seconds=1)
    for each in received(archive.url):
        sqs.delete_message(QueueUrl=archive.url, ReceiptHandle=each["ReceiptHandle"])
    archive.publish("d")
    (found,) = archive.documents()
    assert found["Message"] == "d" and "Replayed" not in found


def test_a_replay_with_an_end_pauses_the_subscription(world, sns, archive):
    from datetime import timedelta

    arn = archive.subscribe(ReplayPolicy=replay(archive.began, archive.began + timedelta(minutes=90)))
    world.clock.advance(seconds=1)
    archive.publish("d")
    assert archive.texts() == ["a", "b"]
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="ReplayPolicy", AttributeValue="{}")
    assert "ReplayStatus" not in sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]


def test_a_filter_policy_filters_a_replay(world, archive):
    archive.subscribe(ReplayPolicy=replay(archive.began), FilterPolicy='{"other": ["x"]}')
    world.clock.advance(seconds=1)
    assert archive.texts() == []


def test_messages_leave_the_archive_when_their_time_is_over(world, sns, archive):
    world.clock.advance(days=30)
    beginning = sns.get_topic_attributes(TopicArn=archive.topic)["Attributes"]["BeginningArchiveTime"]
    assert beginning > f"{archive.began:%Y-%m-%dT%H}"
    archive.publish("d")
    archive.subscribe(ReplayPolicy=json.dumps({"PointType": "Timestamp", "StartingPoint": beginning}))
    world.clock.advance(seconds=1)
    assert archive.texts() == ["d"]


def test_a_topic_with_an_archive_cannot_be_deleted(sns, archive, aws_error):
    with aws_error("InvalidState", "Cannot delete a topic with an ArchivePolicy"):
        sns.delete_topic(TopicArn=archive.topic)
    sns.set_topic_attributes(TopicArn=archive.topic, AttributeName="ArchivePolicy", AttributeValue="{}")
    assert "ArchivePolicy" not in sns.get_topic_attributes(TopicArn=archive.topic)["Attributes"]
    sns.delete_topic(TopicArn=archive.topic)


@pytest.mark.parametrize("policy", ["[]", '{"MessageRetentionPeriod": 0}', '{"MessageRetentionPeriod": "366"}', '{"Days": 1}'])
def test_a_bad_archive_policy_is_refused(sns, archive, aws_error, policy):
    with aws_error("InvalidParameter"):
        sns.set_topic_attributes(TopicArn=archive.topic, AttributeName="ArchivePolicy", AttributeValue=policy)


def test_a_standard_topic_archives_nothing(sns, topic, aws_error):
    with aws_error("InvalidParameter", "FIFO"):
        sns.set_topic_attributes(TopicArn=topic, AttributeName="ArchivePolicy", AttributeValue='{"MessageRetentionPeriod":"1"}')


@pytest.mark.parametrize(
    "policy", ["x", '{"PointType": "Timestamp"}', '{"PointType": "Timestamp", "StartingPoint": "2001-01-01T00:00:00Z"}']
)
def test_a_bad_replay_policy_is_refused(archive, aws_error, policy):
    with aws_error("InvalidParameter"):
        archive.subscribe(ReplayPolicy=policy)
