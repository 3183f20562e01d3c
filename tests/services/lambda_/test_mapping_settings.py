"""What mappings may be told beside their source: provisioned pollers, metrics of their own."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from cloudjar.gateway.inprocess import LocalWorld

from .conftest import Functions, aws_refusal
from .test_queue_sources import SQS_ROLE, Queue
from .test_stream_sources import FAILS_ON_BAD, Table

HANDLER = """
def handler(event, context):
    return {"batchItemFailures": [{"itemIdentifier": r["messageId"]} for r in event["Records"] if "bad" in r["body"]]}
"""


@pytest.fixture
def queue(world: LocalWorld, functions: Functions) -> Queue:
    world.client("iam").attach_role_policy(RoleName="function", PolicyArn=SQS_ROLE)
    return Queue(world, functions)


def counted(world: LocalWorld, uuid: str) -> dict[str, float]:
    """The sums of a mapping's own metrics."""
    cloudwatch, now = world.client("cloudwatch"), world.clock.now()
    found: dict[str, float] = {}
    for metric in cloudwatch.list_metrics(Namespace="AWS/Lambda", Dimensions=[{"Name": "EventSourceMappingUUID"}])["Metrics"]:
        assert metric["Dimensions"] == [{"Name": "EventSourceMappingUUID", "Value": uuid}]
        span: dict[str, Any] = {"StartTime": now - timedelta(hours=1), "EndTime": now + timedelta(minutes=1), "Period": 3600}
        points = cloudwatch.get_metric_statistics(**metric, **span, Statistics=["Sum"])["Datapoints"]
        found[metric["MetricName"]] = sum(point["Sum"] for point in points)
    return found


def test_a_queues_mapping_counts_its_events(queue: Queue, functions: Functions, world: LocalWorld) -> None:
    functions.python("f", HANDLER)
    uuid = queue.map(
        MetricsConfig={"Metrics": ["EventCount"]},
        FunctionResponseTypes=["ReportBatchItemFailures"],
        FilterCriteria={"Filters": [{"Pattern": '{"body": [{"prefix": "x"}]}'}]},
    )
    assert functions.client.get_event_source_mapping(UUID=uuid)["MetricsConfig"] == {"Metrics": ["EventCount"]}
    queue.send("x1", "x2 bad", "other", "x3")
    world.settle()
    assert counted(world, uuid) == {
        "PolledEventCount": 4,
        "FilteredOutEventCount": 1,
        "InvokedEventCount": 3,
        "FailedInvokeEventCount": 1,
        "DeletedEventCount": 3,
    }


def test_a_mapping_that_wants_no_metrics_has_none(queue: Queue, functions: Functions, world: LocalWorld) -> None:
    functions.python("f", HANDLER)
    uuid = queue.map(MetricsConfig={"Metrics": ["EventCount"]})
    functions.client.update_event_source_mapping(UUID=uuid, MetricsConfig={"Metrics": []})
    world.clock.advance(seconds=1)
    queue.send("x")
    world.settle()
    assert counted(world, uuid) == {}
    assert "MetricsConfig" not in functions.client.get_event_source_mapping(UUID=uuid)


def test_a_streams_mapping_counts_what_it_drops(functions: Functions, world: LocalWorld) -> None:
    world.client("iam").attach_role_policy(
        RoleName="function", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaDynamoDBExecutionRole"
    )
    table = Table(world, functions)
    functions.python("f", FAILS_ON_BAD)
    uuid = table.map(MetricsConfig={"Metrics": ["EventCount"]}, MaximumRetryAttempts=0, BatchSize=1)
    table.put("a", "bad", "b")
    world.settle()
    expected = {"PolledEventCount": 3, "InvokedEventCount": 3, "FailedInvokeEventCount": 1, "DroppedEventCount": 1}
    assert counted(world, uuid) == expected


def test_provisioned_pollers_serve_a_queue(queue: Queue, functions: Functions, world: LocalWorld) -> None:
    functions.python("f", HANDLER)
    uuid = queue.map(ProvisionedPollerConfig={"MinimumPollers": 3})
    shown = functions.client.get_event_source_mapping(UUID=uuid)
    assert shown["ProvisionedPollerConfig"] == {"MinimumPollers": 3, "MaximumPollers": 200}
    queue.send("x")
    world.settle()
    assert queue.counts() == (0, 0)
    assert counted(world, uuid)["ProvisionedPollers"] >= 3
    functions.client.update_event_source_mapping(UUID=uuid, ProvisionedPollerConfig={})
    assert "ProvisionedPollerConfig" not in functions.client.get_event_source_mapping(UUID=uuid)


KEY_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "kms:Decrypt", "Resource": "*"},
    ],
}


def test_filters_under_a_key_are_opened_for_the_poller_and_for_who_may(queue: Queue, functions: Functions, world: LocalWorld) -> None:
    kms, client = world.client("kms"), functions.client
    key = kms.create_key(Policy=json.dumps(KEY_POLICY))["KeyMetadata"]["Arn"]
    functions.python("f", HANDLER)
    criteria = {"Filters": [{"Pattern": '{"body": [{"prefix": "x"}]}'}]}
    uuid = queue.map(FilterCriteria=criteria, KMSKeyArn=key, MetricsConfig={"Metrics": ["EventCount"]})
    shown = client.get_event_source_mapping(UUID=uuid)
    assert (shown["FilterCriteria"], shown["KMSKeyArn"]) == (criteria, key)
    assert "FilterCriteria" not in client.list_event_source_mappings()["EventSourceMappings"][0]
    queue.send("x1", "other")
    world.settle()
    assert counted(world, uuid)["FilteredOutEventCount"] == 1
    kms.disable_key(KeyId=key)
    assert client.get_event_source_mapping(UUID=uuid)["FilterCriteriaError"]["ErrorCode"] == "DisabledException"
    queue.send("x2")
    world.settle()
    assert queue.counts()[0] == 1
    assert client.get_event_source_mapping(UUID=uuid)["LastProcessingResult"].startswith("PROBLEM: ")
    kms.enable_key(KeyId=key)
    client.update_event_source_mapping(UUID=uuid, KMSKeyArn="")
    world.settle()
    assert client.get_event_source_mapping(UUID=uuid)["FilterCriteria"] == criteria
    assert queue.counts() == (0, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ProvisionedPollerConfig": {"MinimumPollers": 1}}, "must be at least 2 for SQS"),
        ({"ProvisionedPollerConfig": {"MinimumPollers": 9, "MaximumPollers": 8}}, "less than or equal to MaximumPollers"),
        ({"ProvisionedPollerConfig": {"MinimumPollers": 2, "PollerGroupName": "g"}}, "PollerGroupName is only supported"),
        ({"ProvisionedPollerConfig": {"MinimumPollers": 2}, "ScalingConfig": {"MaximumConcurrency": 2}}, "cannot be used together"),
        ({"MetricsConfig": {"Metrics": ["ErrorCount"]}}, "ErrorCount is only supported for MSK"),
        ({"LoggingConfig": {"SystemLogLevel": "INFO"}}, "LoggingConfig is only supported for MSK"),
    ],
)
def test_what_a_queue_does_not_have_is_refused(queue: Queue, functions: Functions, options: dict[str, Any], message: str) -> None:
    functions.python("f", HANDLER)
    with aws_refusal(message):
        functions.client.create_event_source_mapping(EventSourceArn=queue.arn, FunctionName="f", **options)
    assert functions.client.list_event_source_mappings()["EventSourceMappings"] == []
