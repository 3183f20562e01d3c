"""Metrics that come out of log events, and of calls."""

import json

import pytest


@pytest.fixture
def logs(world):
    world.clock.freeze()
    logs = world.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    return logs


def put(world, body, group="g"):
    now = int(world.clock.now().timestamp() * 1000)
    if isinstance(body, dict) and "_aws" in body:
        body["_aws"].setdefault("Timestamp", now)
    message = body if isinstance(body, str) else json.dumps(body)
    world.client("logs").put_log_events(logGroupName=group, logStreamName="s", logEvents=[{"timestamp": now, "message": message}])


def directive(*names, dimensions=(["function"],), **more):
    return {"Namespace": "app", "Dimensions": list(dimensions), "Metrics": [{"Name": name, **more} for name in names]}


def stored(world, name, *pairs, stat="Sum"):
    """What a metric holds."""
    now = world.clock.now()
    dimensions = [{"Name": key, "Value": value} for key, value in pairs]
    query = {"Metric": {"Namespace": "app", "MetricName": name, "Dimensions": dimensions}, "Period": 60, "Stat": stat}
    answer = world.client("cloudwatch").get_metric_data(
        MetricDataQueries=[{"Id": "m", "MetricStat": query}], StartTime=now.replace(second=0, microsecond=0), EndTime=now.replace(minute=59)
    )
    return answer["MetricDataResults"][0]["Values"]


def test_an_event_in_embedded_metric_format_is_a_metric(world, logs):
    metrics = {
        "CloudWatchMetrics": [
            directive("time", "bytes", "absent", Unit="Milliseconds", dimensions=[["function"], ["function", "zone"], []])
        ]
    }
    put(world, {"_aws": metrics, "function": "f", "zone": "a", "time": 250, "bytes": [1, 2, 3]})
    assert stored(world, "time", ("function", "f")) == [250.0]
    assert stored(world, "time", ("function", "f"), ("zone", "a")) == [250.0]
    assert stored(world, "bytes") == [6.0]
    assert stored(world, "bytes", stat="SampleCount") == [3.0]
    names = {one["MetricName"] for one in world.client("cloudwatch").list_metrics(Namespace="app")["Metrics"]}
    assert names == {"time", "bytes"}


@pytest.mark.parametrize(
    "body",
    [
        {"_aws": {"CloudWatchMetrics": [directive("time", dimensions=[["absent"]])]}, "time": 1},
        {"_aws": {"CloudWatchMetrics": [directive("time")], "Timestamp": "now"}, "time": 1, "function": "f"},
        {"_aws": {"CloudWatchMetrics": {}}, "time": 1},
        {"_aws": {"CloudWatchMetrics": [directive("time")]}, "time": "1", "function": "f"},
        {"_aws": {"CloudWatchMetrics": [{"Namespace": "app"}]}},
        '"_aws" "CloudWatchMetrics" and no json',
    ],
)
def test_an_event_that_is_not_quite_in_the_format_is_an_event_only(world, logs, body):
    put(world, body)
    assert world.client("cloudwatch").list_metrics(Namespace="app")["Metrics"] == []
    assert len(logs.filter_log_events(logGroupName="g")["events"]) == 1


def test_groups_of_infrequent_access_have_no_metrics(world, logs, aws_error):
    logs.create_log_group(logGroupName="rare", logGroupClass="INFREQUENT_ACCESS")
    logs.create_log_stream(logGroupName="rare", logStreamName="s")
    put(world, {"_aws": {"CloudWatchMetrics": [directive("time")]}, "function": "f", "time": 1}, group="rare")
    assert world.client("cloudwatch").list_metrics(Namespace="app")["Metrics"] == []
    transformation = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
    with aws_error("ValidationException"):
        logs.put_metric_filter(logGroupName="rare", filterName="f", filterPattern="", metricTransformations=[transformation])


def test_calls_are_counted(world, logs):
    found = world.client("cloudwatch").list_metrics(Namespace="AWS/Usage", MetricName="CallCount")["Metrics"]
    told = [{pair["Name"]: pair["Value"] for pair in one["Dimensions"]} for one in found]
    assert {"Service": "Logs", "Type": "API", "Class": "None", "Resource": "CreateLogGroup"} in told


def test_groups_are_listed_by_patterns_and_tags(logs):
    for name, tags in (("/aws/lambda/a", {"team": "x"}), ("/aws/lambda/b", {}), ("web/aws", {"team": "y", "stage": "p"})):
        logs.create_log_group(logGroupName=name, **({"tags": tags} if tags else {}))

    def listed(**wanted):
        return [one["logGroupName"] for one in logs.list_log_groups(**wanted)["logGroups"]]

    assert listed(logGroupNamePattern="^/aws|web") == ["/aws/lambda/a", "/aws/lambda/b", "web/aws"]
    assert listed(logGroupNamePattern="^/aws") == ["/aws/lambda/a", "/aws/lambda/b"]
    assert listed(logGroupTags=[{"key": "team"}]) == ["/aws/lambda/a", "web/aws"]
    assert listed(logGroupTags=[{"key": "team", "values": ["y", "z"]}, {"key": "stage"}]) == ["web/aws"]
