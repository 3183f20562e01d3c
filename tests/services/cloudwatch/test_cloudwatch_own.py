"""What services tell CloudWatch of themselves."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest


@pytest.fixture
def sqs(world, noon):
    return world.client("sqs")


@pytest.fixture
def queue(sqs):
    return sqs.create_queue(QueueName="jobs")["QueueUrl"]


@pytest.fixture
def read(cloudwatch, noon):
    def read(namespace, name, stat="Sum", period=60, minutes=10, **dimensions):
        answer = cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=noon,
            EndTime=noon + timedelta(minutes=minutes),
            Period=period,
            Statistics=[stat],
        )
        return [(int((point["Timestamp"] - noon).total_seconds()), point[stat]) for point in answer["Datapoints"]]

    return read


def test_a_queue_tells_what_went_in_and_out(sqs, queue, read):
    for number in range(3):
        sqs.send_message(QueueUrl=queue, MessageBody="x" * (number + 1))
    received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=received[0]["ReceiptHandle"])
    sqs.receive_message(QueueUrl=queue)

    assert read("AWS/SQS", "NumberOfMessagesSent", QueueName="jobs") == [(0, 3.0)]
    assert read("AWS/SQS", "SentMessageSize", "Maximum", QueueName="jobs") == [(0, 3.0)]
    assert read("AWS/SQS", "NumberOfMessagesReceived", QueueName="jobs") == [(0, 3.0)]
    assert read("AWS/SQS", "NumberOfMessagesDeleted", QueueName="jobs") == [(0, 1.0)]
    assert read("AWS/SQS", "NumberOfEmptyReceives", QueueName="jobs") == [(0, 1.0)]
    assert read("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "Maximum", QueueName="jobs") == [(0, 2.0)]


def test_what_is_counted_belongs_to_its_minute(world, sqs, queue, read):
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    world.clock.advance(minutes=2)
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    assert read("AWS/SQS", "NumberOfMessagesSent", QueueName="jobs") == [(0, 1.0), (120, 2.0)]


def test_looking_twice_counts_once(sqs, queue, read):
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    assert read("AWS/SQS", "NumberOfMessagesSent", QueueName="jobs") == [(0, 1.0)]
    assert read("AWS/SQS", "NumberOfMessagesSent", QueueName="jobs") == [(0, 1.0)]
    assert read("AWS/SQS", "ApproximateNumberOfMessagesVisible", "SampleCount", QueueName="jobs") == [(0, 1.0)]


def test_a_refused_call_counts_nothing(sqs, queue, read):
    with pytest.raises(sqs.exceptions.ClientError):
        sqs.send_message(QueueUrl=queue, MessageBody="")
    assert read("AWS/SQS", "NumberOfMessagesSent", QueueName="jobs") == []


def test_an_alarm_on_the_depth_of_a_queue_goes_off_and_recovers(world, sqs, queue, cloudwatch):
    cloudwatch.put_metric_alarm(
        AlarmName="deep",
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": "jobs"}],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=2,
        ComparisonOperator="GreaterThanThreshold",
    )

    def state():
        world.clock.advance(minutes=1)
        return cloudwatch.describe_alarms(AlarmNames=["deep"])["MetricAlarms"][0]["StateValue"]

    assert state() == "OK"
    for _ in range(3):
        sqs.send_message(QueueUrl=queue, MessageBody="x")
    assert state() == "ALARM"
    # Nobody touches the queue; its depth is still told.
    assert state() == "ALARM"
    sqs.purge_queue(QueueUrl=queue)
    world.clock.advance(minutes=1)
    assert state() == "OK"


def test_the_age_of_the_oldest_message_grows(world, sqs, queue, read):
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    world.clock.advance(minutes=5)
    assert read("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", QueueName="jobs")[-1] == (300, 300.0)


def test_metrics_are_listed_and_survive_in_a_fork(world, sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    fork = world.fork("other")
    try:
        found = fork.client("cloudwatch").list_metrics(Namespace="AWS/SQS", Dimensions=[{"Name": "QueueName", "Value": "jobs"}])
        assert "NumberOfMessagesSent" in {metric["MetricName"] for metric in found["Metrics"]}
    finally:
        fork.drop()


def test_a_topic_tells_what_it_published_and_filtered(world, noon, sqs, queue, read):
    sns = world.client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}],
    }
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"FilterPolicy": json.dumps({"kind": ["new"]})})
    sns.publish(TopicArn=topic, Message="a", MessageAttributes={"kind": {"DataType": "String", "StringValue": "new"}})
    sns.publish(TopicArn=topic, Message="b")

    assert read("AWS/SNS", "NumberOfMessagesPublished", TopicName="news") == [(0, 2.0)]
    assert read("AWS/SNS", "NumberOfNotificationsDelivered", TopicName="news") == [(0, 1.0)]
    assert read("AWS/SNS", "NumberOfNotificationsFilteredOut-NoMessageAttributes", TopicName="news") == [(0, 1.0)]
    assert read("AWS/SQS", "NumberOfMessagesSent", QueueName="jobs") == [(0, 1.0)]


def test_a_rule_tells_what_it_matched_and_what_failed(world, noon, sqs, queue, read):
    events = world.client("events")
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="all", EventPattern='{"source": ["shop"]}')
    # The queue's policy lets nobody in.
    events.put_targets(Rule="all", Targets=[{"Id": "q", "Arn": arn}])
    events.put_events(Entries=[{"Source": "shop", "DetailType": "sold", "Detail": "{}"}])
    world.settle()

    assert read("AWS/Events", "MatchedEvents", RuleName="all") == [(0, 1.0)]
    assert read("AWS/Events", "Invocations", RuleName="all") == [(0, 1.0)]
    assert read("AWS/Events", "FailedInvocations", EventBusName="default", RuleName="all") == [(0, 1.0)]
    assert read("AWS/Events", "PutEventsEntriesCount") == [(0, 1.0)]


def test_a_log_group_tells_what_came_in(world, noon, read):
    logs = world.client("logs")
    logs.create_log_group(logGroupName="app")
    logs.create_log_stream(logGroupName="app", logStreamName="one")
    now = int(noon.timestamp() * 1000)
    logs.put_log_events(logGroupName="app", logStreamName="one", logEvents=[{"timestamp": now, "message": "hello"}] * 3)
    assert read("AWS/Logs", "IncomingLogEvents", LogGroupName="app") == [(0, 3.0)]
    assert read("AWS/Logs", "IncomingBytes") == [(0, 93.0)]


def test_a_table_tells_what_it_consumed_and_refused(world, noon, read):
    dynamodb = world.client("dynamodb")
    dynamodb.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    world.settle()
    dynamodb.put_item(TableName="orders", Item={"id": {"S": "a"}, "text": {"S": "x" * 1500}})
    dynamodb.get_item(TableName="orders", Key={"id": {"S": "a"}}, ConsistentRead=True)
    dynamodb.scan(TableName="orders")
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.put_item(TableName="orders", Item={"id": {"S": "a"}}, ConditionExpression="attribute_not_exists(id)")

    assert read("AWS/DynamoDB", "ConsumedWriteCapacityUnits", TableName="orders") == [(0, 2.0)]
    assert read("AWS/DynamoDB", "ConsumedReadCapacityUnits", TableName="orders") == [(0, 1.5)]
    assert read("AWS/DynamoDB", "ConditionalCheckFailedRequests", TableName="orders") == [(0, 1.0)]
    assert read("AWS/DynamoDB", "SuccessfulRequestLatency", "SampleCount", TableName="orders", Operation="GetItem") == [(0, 1.0)]
    assert read("AWS/DynamoDB", "ReturnedItemCount", TableName="orders", Operation="Scan") == [(0, 1.0)]


def test_a_bucket_tells_what_it_holds_once_a_day(world, noon):
    s3 = world.client("s3")
    s3.create_bucket(Bucket="photos")
    s3.put_object(Bucket="photos", Key="a", Body=b"12345")
    cloudwatch = world.client("cloudwatch")
    for name, kind, expected in (("BucketSizeBytes", "StandardStorage", 5.0), ("NumberOfObjects", "AllStorageTypes", 1.0)):
        answer = cloudwatch.get_metric_statistics(
            Namespace="AWS/S3",
            MetricName=name,
            Dimensions=[{"Name": "BucketName", "Value": "photos"}, {"Name": "StorageType", "Value": kind}],
            StartTime=noon - timedelta(days=1),
            EndTime=noon + timedelta(days=1),
            Period=86_400,
            Statistics=["Average"],
        )
        assert [point["Average"] for point in answer["Datapoints"]] == [expected]


def test_a_measured_bucket_tells_its_requests(world, noon, read):
    s3 = world.client("s3")
    s3.create_bucket(Bucket="photos")
    s3.put_object(Bucket="photos", Key="a", Body=b"12345")
    s3.put_bucket_metrics_configuration(Bucket="photos", Id="cats", MetricsConfiguration={"Id": "cats", "Filter": {"Prefix": "cats/"}})
    s3.put_object(Bucket="photos", Key="cats/a", Body=b"12345")
    s3.get_object(Bucket="photos", Key="cats/a")["Body"].read()
    s3.get_object(Bucket="photos", Key="a")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="photos", Key="cats/b")

    where = {"BucketName": "photos", "FilterId": "cats"}
    assert read("AWS/S3", "AllRequests", **where) == [(0, 3.0)]
    assert read("AWS/S3", "GetRequests", **where) == [(0, 2.0)]
    assert read("AWS/S3", "4xxErrors", **where) == [(0, 1.0)]
    assert read("AWS/S3", "BytesUploaded", **where) == [(0, 5.0)]


def test_own_metrics_do_not_make_a_clock_jump(world, noon, read):
    world.client("events").put_events(Entries=[{"Source": "shop", "DetailType": "sold", "Detail": "{}"}])
    assert read("AWS/Events", "PutEventsEntriesCount") == [(0, 1.0)]
    world.clock.autojump()
    world.settle()
    assert world.clock.now() == noon
