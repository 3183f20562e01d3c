"""Pipes: from a queue or a stream, through filter, enrichment and template, into a target."""

from __future__ import annotations

import gzip
import json

import pytest
from botocore.exceptions import ClientError


def test_a_message_goes_through_a_pipe(pipe, send, received):
    pipe()
    send({"size": 1})
    (body,) = received()
    record = json.loads(body)
    assert json.loads(record["body"]) == {"size": 1}
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"].endswith(":in")


def test_what_has_arrived_is_gone_from_the_source(pipe, send, received, depth):
    pipe()
    send({"size": 1})
    assert len(received()) == 1
    assert depth("in") == (0, 0)


def test_a_filter_lets_through_what_matches_and_drops_the_rest(pipe, send, received, depth):
    pipe(SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": '{"body": {"size": [{"numeric": [">", 5]}]}}'}]}})
    for size in (3, 7):
        send({"size": size})
    (body,) = received()
    assert json.loads(json.loads(body)["body"]) == {"size": 7}
    assert depth("in") == (0, 0)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"n": <$.body.size>, "who": "<$.body.who>"}', {"n": 2, "who": 'a "b"'}),
        ("<$.body>", {"size": 2, "who": 'a "b"', "tags": ["x", "y"]}),
        ("<$.body.tags[1]>", "y"),
        ('"size <$.body.size> of <aws.pipes.pipe-name>"', "size 2 of through"),
        ('{"fixed": true}', {"fixed": True}),
        ('{"gone": "<$.body.nothing>"}', {"gone": ""}),
    ],
)
def test_an_input_template_shapes_each_record(pipe, send, received, template, expected):
    pipe(TargetParameters={"InputTemplate": template})
    send({"size": 2, "who": 'a "b"', "tags": ["x", "y"]})
    (body,) = received()
    assert (body if isinstance(expected, str) else json.loads(body)) == expected


def test_a_template_that_means_nothing_is_refused(pipe, pipes):
    with pytest.raises(pipes.exceptions.ValidationException):
        pipe(TargetParameters={"InputTemplate": "<what>"})
    assert pipes.list_pipes()["Pipes"] == []


def test_an_event_bus_gets_events_of_the_pipe(world, pipe, send, queue_of_bus, pipes):
    bus, arrived = queue_of_bus
    pipe(
        Target=bus,
        TargetParameters={
            "InputTemplate": '{"order": <$.body.id>}',
            "EventBridgeEventBusParameters": {"Source": "shop", "DetailType": "$.body.kind"},
        },
    )
    send({"id": 7, "kind": "sold"})
    (event,) = arrived()
    assert (event["source"], event["detail-type"], event["detail"]) == ("shop", "sold", {"order": 7})


def test_without_parameters_events_are_named_after_the_pipe(pipe, send, queue_of_bus):
    bus, arrived = queue_of_bus
    pipe(Target=bus, SourceParameters={"SqsQueueParameters": {"BatchSize": 1}})
    send({"id": 7})
    (event,) = arrived()
    assert (event["source"], event["detail-type"]) == ("Pipe through", "Event from aws:sqs")


def test_a_log_group_gets_each_record(world, pipe, send):
    logs = world.client("logs")
    logs.create_log_group(logGroupName="/pipes/out")
    target = "arn:aws:logs:us-east-1:000000000000:log-group:/pipes/out"
    pipe(Target=target, TargetParameters={"InputTemplate": "<$.body.id>", "CloudWatchLogsParameters": {"LogStreamName": "$.body.who"}})
    send({"id": 7, "who": "ann"})
    world.settle()
    events = logs.get_log_events(logGroupName="/pipes/out", logStreamName="ann")["events"]
    assert [event["message"] for event in events] == ["7"]


def test_changes_of_a_table_go_through_a_pipe_in_order(world, pipe, table, received):
    put, stream = table
    pipe(
        Source=stream,
        SourceParameters={"DynamoDBStreamParameters": {"StartingPosition": "TRIM_HORIZON", "BatchSize": 5}},
        TargetParameters={"InputTemplate": '"<$.dynamodb.Keys.id.S> <$.eventName>"'},
    )
    for name in ("a", "b", "c"):
        put(name)
    assert received() == ["a INSERT", "b INSERT", "c INSERT"]


def test_a_stream_pipe_at_latest_leaves_out_what_was_before(world, pipe, table, received):
    put, stream = table
    put("old")
    pipe(
        Source=stream,
        SourceParameters={"DynamoDBStreamParameters": {"StartingPosition": "LATEST", "BatchSize": 1}},
        TargetParameters={"InputTemplate": "<$.dynamodb.Keys.id.S>"},
    )
    put("new")
    assert received() == ["new"]


def _stream_of_times(world, pipe, stream, lanes):
    """A pipe that takes each key for a time, and so holds the lane of a key that is none."""
    world.client("logs").create_log_group(logGroupName="/pipes/out")
    pipe(
        Source=stream,
        Target="arn:aws:logs:us-east-1:000000000000:log-group:/pipes/out",
        SourceParameters={"DynamoDBStreamParameters": {"StartingPosition": "TRIM_HORIZON", "BatchSize": 1, "ParallelizationFactor": lanes}},
        TargetParameters={
            "InputTemplate": "<$.dynamodb.Keys.id.S>",
            "CloudWatchLogsParameters": {"LogStreamName": "s", "Timestamp": "$.dynamodb.Keys.id.S"},
        },
    )


def _logged(world):
    world.settle()
    events = world.client("logs").filter_log_events(logGroupName="/pipes/out")["events"]
    return {event["message"] for event in events}


def test_a_key_that_fails_holds_up_only_its_lane(world, pipe, table):
    put, stream = table
    _stream_of_times(world, pipe, stream, 10)
    put("no time")
    start = int(world.clock.now().timestamp() * 1000)
    for at in range(20):
        put(str(start + at))
    assert len(_logged(world)) > 10


def test_lanes_that_are_put_together_lose_nothing(world, pipe, pipes, role, table):
    put, stream = table
    _stream_of_times(world, pipe, stream, 3)
    start = int(world.clock.now().timestamp() * 1000)
    for at in range(6):
        put(str(start + at))
    assert len(_logged(world)) == 6
    pipes.update_pipe(
        Name="through", RoleArn=role("pipe", None), SourceParameters={"DynamoDBStreamParameters": {"ParallelizationFactor": 1}}
    )
    for at in range(6, 12):
        put(str(start + at))
    world.clock.advance(seconds=0)
    assert len(_logged(world)) == 12


def test_a_stream_pipe_gives_up_to_its_dead_letter_queue(world, sqs, pipe, table, queues):
    put, stream = table
    sqs.create_queue(QueueName="dead")
    dead = "arn:aws:sqs:us-east-1:000000000000:dead"
    pipe(
        Source=stream,
        Target="arn:aws:sqs:us-east-1:000000000000:nowhere",
        SourceParameters={
            "DynamoDBStreamParameters": {
                "StartingPosition": "TRIM_HORIZON",
                "BatchSize": 2,
                "MaximumRetryAttempts": 1,
                "DeadLetterConfig": {"Arn": dead},
            }
        },
    )
    put("a")
    world.settle()
    world.clock.advance(minutes=1)
    (message,) = sqs.receive_message(QueueUrl="dead")["Messages"]
    told = json.loads(message["Body"])
    assert told["context"]["partnerResourceArn"].endswith(":pipe/through")
    assert told["context"]["condition"] == "RetryAttemptsExhausted"
    assert told["DDBStreamBatchInfo"]["batchSize"] == 1


def test_a_target_that_is_gone_leaves_messages_in_their_queue(world, pipe, send, depth, sqs, received):
    pipe(Target="arn:aws:sqs:us-east-1:000000000000:late")
    send({"id": 1})
    world.settle()
    assert depth("in") == (0, 1)
    sqs.create_queue(QueueName="late")
    world.clock.advance(minutes=1)
    assert len(sqs.receive_message(QueueUrl="late").get("Messages", [])) == 1
    assert depth("in") == (0, 0)


def test_a_role_that_may_not_send_keeps_messages_where_they_are(world, pipe, send, depth, role, received):
    pipe(RoleArn=role("reader", ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]))
    send({"id": 1})
    world.settle()
    assert received() == []
    assert depth("in") == (0, 1)


def test_a_role_that_may_not_read_fails_the_creation(world, pipes, pipe, role):
    pipe(RoleArn=role("nobody", ["s3:GetObject"]))
    found = pipes.describe_pipe(Name="through")
    assert found["CurrentState"] == "CREATE_FAILED"
    assert "sqs:getqueueattributes" in found["StateReason"]


def test_a_pipe_is_created_stopped_started_and_deleted(world, pipes, pipe, send, received, depth):
    answer = pipe(DesiredState="STOPPED")
    assert (answer["CurrentState"], answer["DesiredState"]) == ("CREATING", "STOPPED")
    assert pipes.describe_pipe(Name="through")["CurrentState"] == "STOPPED"
    send({"id": 1})
    assert received() == []
    assert pipes.start_pipe(Name="through")["CurrentState"] == "STARTING"
    world.settle()
    assert pipes.describe_pipe(Name="through")["CurrentState"] == "RUNNING"
    assert len(received()) == 1
    assert pipes.stop_pipe(Name="through")["CurrentState"] == "STOPPING"
    world.settle()
    send({"id": 2})
    assert received() == []
    assert pipes.delete_pipe(Name="through")["CurrentState"] == "DELETING"
    world.settle()
    with pytest.raises(pipes.exceptions.NotFoundException):
        pipes.describe_pipe(Name="through")


def test_an_update_changes_what_is_given_and_keeps_the_rest(world, pipes, pipe, role, send, received):
    pipe(Description="one", TargetParameters={"InputTemplate": '"a"'})
    answer = pipes.update_pipe(Name="through", RoleArn=role("pipe", None), TargetParameters={"InputTemplate": '"b"'})
    assert answer["CurrentState"] == "UPDATING"
    world.settle()
    found = pipes.describe_pipe(Name="through")
    assert (found["Description"], found["CurrentState"]) == ("one", "RUNNING")
    assert found["SourceParameters"]["SqsQueueParameters"]["BatchSize"] == 10
    send({})
    assert received() == ["b"]


def test_a_pipe_works_while_its_role_can_use_its_key(world, pipes, pipe, send, received):
    kms = world.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    pipe(KmsKeyIdentifier=key)
    assert pipes.describe_pipe(Name="through")["KmsKeyIdentifier"] == key
    send({"size": 1})
    assert len(received()) == 1
    kms.disable_key(KeyId=key)
    send({"size": 2})
    assert received() == []
    kms.enable_key(KeyId=key)
    world.clock.advance(minutes=2)
    assert '{"size": 2}' in [json.loads(body)["body"] for body in received()]


def test_pipes_are_listed_by_prefix_and_state(pipes, pipe):
    pipe()
    pipe(Name="other", DesiredState="STOPPED")
    assert [one["Name"] for one in pipes.list_pipes()["Pipes"]] == ["other", "through"]
    assert [one["Name"] for one in pipes.list_pipes(NamePrefix="th")["Pipes"]] == ["through"]
    assert [one["Name"] for one in pipes.list_pipes(CurrentState="STOPPED")["Pipes"]] == ["other"]
    first = pipes.list_pipes(Limit=1)
    assert [one["Name"] for one in pipes.list_pipes(Limit=1, NextToken=first["NextToken"])["Pipes"]] == ["through"]


def test_pipes_have_tags(pipes, pipe):
    arn = pipe(Tags={"team": "a"})["Arn"]
    pipes.tag_resource(resourceArn=arn, tags={"stage": "b"})
    pipes.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert pipes.list_tags_for_resource(resourceArn=arn)["tags"] == {"stage": "b"}
    assert pipes.describe_pipe(Name="through")["Tags"] == {"stage": "b"}


def test_a_name_is_used_once(pipes, pipe):
    pipe()
    with pytest.raises(pipes.exceptions.ConflictException, match="Pipe through already exists"):
        pipe()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"SourceParameters": {"SqsQueueParameters": {"BatchSize": 11, "MaximumBatchingWindowInSeconds": 1}}}, "ValidationException"),
        ({"SourceParameters": {"DynamoDBStreamParameters": {"StartingPosition": "LATEST"}}}, "ValidationException"),
        ({"SourceParameters": {"FilterCriteria": {"Filters": [{"Pattern": "{"}]}}}, "ValidationException"),
        ({"TargetParameters": {"LambdaFunctionParameters": {}}}, "ValidationException"),
        ({"Target": "arn:aws:sqs:eu-west-1:000000000000:out"}, "ValidationException"),
        ({"LogConfiguration": {"Level": "INFO"}}, "ValidationException"),
        ({"Source": "arn:aws:kinesis:us-east-1:000000000000:stream/s"}, "NotImplemented"),
        ({"Target": "arn:aws:batch:us-east-1:000000000000:job-queue/q"}, "NotImplemented"),
        ({"Enrichment": "arn:aws:states:us-east-1:000000000000:stateMachine:m"}, "NotImplemented"),
        ({"KmsKeyIdentifier": "alias/mine"}, "ValidationException"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(pipes, pipe, changes, code):
    with pytest.raises(ClientError) as refused:
        pipe(**changes)
    assert refused.value.response["Error"]["Code"] == code
    assert pipes.list_pipes()["Pipes"] == []


def test_a_batch_waits_for_its_window(world, pipe, send, received):
    pipe(SourceParameters={"SqsQueueParameters": {"BatchSize": 10, "MaximumBatchingWindowInSeconds": 30}})
    send({"id": 1})
    assert received() == []
    world.clock.advance(seconds=31)
    assert len(received()) == 1


def test_a_pipe_logs_its_executions(world, pipe, send, received):
    logs = world.client("logs")
    logs.create_log_group(logGroupName="/pipes/log")
    pipe(
        LogConfiguration={
            "Level": "TRACE",
            "IncludeExecutionData": ["ALL"],
            "CloudwatchLogsLogDestination": {"LogGroupArn": "arn:aws:logs:us-east-1:000000000000:log-group:/pipes/log"},
        }
    )
    send({"id": 1})
    assert len(received()) == 1
    records = [json.loads(event["message"]) for event in logs.filter_log_events(logGroupName="/pipes/log")["events"]]
    kinds = [record["messageType"] for record in records]
    assert kinds[0] == "ExecutionStarted"
    assert kinds[-1] == "ExecutionSucceeded"
    assert "TargetInvocationSucceeded" in kinds
    assert len({record["executionId"] for record in records}) == 1
    assert '"messageId"' in records[0]["payload"]


def test_a_pipe_logs_into_a_bucket_that_lets_the_log_delivery_in(world, pipe, send, received):
    s3 = world.client("s3")
    s3.create_bucket(Bucket="pipe-logs")
    destination = {"BucketName": "pipe-logs", "BucketOwner": "000000000000", "Prefix": "p/"}
    pipe(LogConfiguration={"Level": "INFO", "S3LogDestination": destination})
    send({"size": 1})
    assert len(received()) == 1
    assert "Contents" not in s3.list_objects_v2(Bucket="pipe-logs")
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "delivery.logs.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::pipe-logs/p/AWSLogs/*",
        "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}},
    }
    s3.put_bucket_policy(Bucket="pipe-logs", Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    send({"size": 2})
    received()
    (found,) = s3.list_objects_v2(Bucket="pipe-logs", Prefix="p/AWSLogs/000000000000/")["Contents"]
    text = gzip.decompress(s3.get_object(Bucket="pipe-logs", Key=found["Key"])["Body"].read()).decode()
    kinds = [json.loads(line)["messageType"] for line in text.splitlines()]
    assert (kinds[0], kinds[-1]) == ("ExecutionStarted", "ExecutionSucceeded")


def test_a_pipe_tells_cloudwatch(world, pipe, send, received):
    pipe()
    send({"id": 1})
    assert len(received()) == 1
    now = world.clock.now()
    point = world.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Pipes",
        MetricName="Invocations",
        Dimensions=[{"Name": "PipeName", "Value": "through"}],
        StartTime=now.replace(second=0, microsecond=0),
        EndTime=now.replace(year=now.year + 1),
        Period=86_400 * 30 * 60,
        Statistics=["Sum"],
    )
    assert [one["Sum"] for one in point["Datapoints"]] == [1.0]


ONE = {"SqsQueueParameters": {"BatchSize": 1}}


def test_an_api_destination_enriches(pipe, send, received, destination, endpoint):
    pipe(
        SourceParameters=ONE,
        Enrichment=destination,
        EnrichmentParameters={
            "InputTemplate": '{"id": <$.body.id>}',
            "HttpParameters": {"PathParameterValues": ["$.body.kind"], "HeaderParameters": {"X-Kind": "$.body.kind"}},
        },
        TargetParameters={"InputTemplate": "<$.twice[1]>"},
    )
    send({"id": 3, "kind": "sold"})
    assert [json.loads(body) for body in received()] == [{"id": 3}]
    assert endpoint[1] == [("/hook/sold", "sold", {"id": 3})]


def test_an_api_destination_is_a_target(pipe, send, world, destination, endpoint, depth):
    pipe(SourceParameters=ONE, Target=destination, TargetParameters={"InputTemplate": "<$.body>"})
    send({"id": 3})
    world.settle()
    assert [body for _, _, body in endpoint[1]] == [{"id": 3}]
    assert depth("in") == (0, 0)


def test_a_batch_is_refused_for_what_takes_one_at_a_time(pipes, pipe, destination):
    with pytest.raises(pipes.exceptions.ValidationException, match="batch size"):
        pipe(Enrichment=destination, SourceParameters={"SqsQueueParameters": {"BatchSize": 2}})


def test_a_function_enriches_and_may_end_a_batch(pipe, send, received, depth, function):
    source = """
import json
def handler(events, context):
    return [{"id": json.loads(event["body"])["id"] * 10} for event in events if "skip" not in event["body"]]
"""
    pipe(Enrichment=function("tenfold", source), TargetParameters={"InputTemplate": "<$.id>"})
    send({"id": 3})
    assert received() == ["30"]
    send({"id": 4, "skip": True})
    assert received() == []
    assert depth("in") == (0, 0)


def test_a_function_as_target_says_which_records_failed(pipe, send, depth, function):
    source = """
def handler(events, context):
    return {"batchItemFailures": [{"itemIdentifier": event["messageId"]} for event in events if "bad" in event["body"]]}
"""
    pipe(Target=function("picky", source))
    send({"id": "good"})
    send({"id": "bad"})
    assert depth("in") == (0, 1)


def test_a_function_that_fails_keeps_its_batch_in_the_queue(pipe, send, depth, function):
    pipe(Target=function("broken", "def handler(events, context):\n    raise ValueError(len(events))"))
    send({"id": 1})
    assert depth("in") == (0, 1)
