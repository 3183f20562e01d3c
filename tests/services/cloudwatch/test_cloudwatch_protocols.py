"""CloudWatch in each of the protocols that its clients speak: newer ones CBOR, older ones JSON or the query protocol."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest


@pytest.fixture(params=["smithy-rpc-v2-cbor", "json", "query"])
def spoken(request, monkeypatch, world, noon):
    """A client that knows one protocol alone."""
    monkeypatch.setattr("botocore.model.PRIORITY_ORDERED_SUPPORTED_PROTOCOLS", (request.param,))
    client = world.client("cloudwatch")
    assert client.meta.service_model.resolved_protocol == request.param
    return client


HOST = [{"Name": "host", "Value": "a & b <ü>"}]


def test_metrics_come_back_as_they_were_put(spoken, noon):
    values = {"Values": [1.5, 1e-9, -2.0], "Counts": [1.0, 2.0, 1.0], "Unit": "Seconds", "Timestamp": noon - timedelta(minutes=2)}
    spoken.put_metric_data(Namespace="app/ü", MetricData=[{"MetricName": "m", "Dimensions": HOST, **values}])
    [metric] = spoken.list_metrics(Namespace="app/ü")["Metrics"]
    assert (metric["MetricName"], metric["Dimensions"]) == ("m", HOST)
    [point] = spoken.get_metric_statistics(
        Namespace="app/ü", MetricName="m", Dimensions=HOST, StartTime=noon - timedelta(minutes=5), EndTime=noon, Period=60,
        Statistics=["SampleCount", "Sum", "Minimum", "Maximum"], ExtendedStatistics=["p100"],
    )["Datapoints"]  # fmt: skip
    assert point["Timestamp"] == noon - timedelta(minutes=2)
    assert (point["SampleCount"], point["Minimum"], point["Maximum"], point["Unit"]) == (4.0, -2.0, 1.5, "Seconds")
    assert point["Sum"] == pytest.approx(1.5 + 2e-9 - 2)
    assert point["ExtendedStatistics"] == {"p100": 1.5}


def test_metric_data_comes_in_pages(spoken, noon):
    for minute in range(5):
        point = {"MetricName": "m", "Value": float(minute), "Timestamp": noon + timedelta(minutes=minute - 5)}
        spoken.put_metric_data(Namespace="app", MetricData=[point])
    stat = {"Metric": {"Namespace": "app", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    queries = [{"Id": "a", "MetricStat": stat}, {"Id": "twice", "Expression": "a * 2", "Label": "double"}]
    pages = list(
        spoken.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=noon - timedelta(minutes=5), EndTime=noon, ScanBy="TimestampAscending", MaxDatapoints=3
        )
    )
    found = {"a": [], "twice": []}
    for page in pages:
        assert sum(len(result["Values"]) for result in page["MetricDataResults"]) <= 3
        for result in page["MetricDataResults"]:
            found[result["Id"]] += zip(result["Timestamps"], result["Values"], strict=True)
    assert len(pages) == 4
    times = [noon + timedelta(minutes=minute - 5) for minute in range(5)]
    assert found["a"] == list(zip(times, [0.0, 1.0, 2.0, 3.0, 4.0], strict=True))
    assert found["twice"] == list(zip(times, [0.0, 2.0, 4.0, 6.0, 8.0], strict=True))
    assert {result["Label"] for page in pages for result in page["MetricDataResults"]} == {"m", "double"}


def test_an_alarm_reads_back_and_rings(world, spoken):
    spoken.put_metric_alarm(
        AlarmName="a", Namespace="app", MetricName="m", Dimensions=HOST, Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=5.0,
        ComparisonOperator="GreaterThanThreshold", ActionsEnabled=False, Tags=[{"Key": "k", "Value": "v"}],
    )  # fmt: skip
    spoken.put_metric_data(Namespace="app", MetricData=[{"MetricName": "m", "Dimensions": HOST, "Value": 9.0}])
    world.clock.advance(minutes=1)
    [alarm] = spoken.describe_alarms(StateValue="ALARM")["MetricAlarms"]
    assert (alarm["AlarmName"], alarm["Threshold"], alarm["ActionsEnabled"], alarm["Dimensions"]) == ("a", 5.0, False, HOST)
    assert alarm["StateUpdatedTimestamp"] == world.clock.now()
    assert spoken.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"] == [{"Key": "k", "Value": "v"}]
    [update] = spoken.describe_alarm_history(AlarmName="a", HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    assert json.loads(update["HistoryData"])["newState"]["stateValue"] == "ALARM"
    spoken.delete_alarms(AlarmNames=["a"])
    assert spoken.describe_alarms()["MetricAlarms"] == []


def test_errors_have_the_same_codes(spoken, noon, aws_error):
    with aws_error("ResourceNotFound"):
        spoken.set_alarm_state(AlarmName="none", StateValue="OK", StateReason="r")
    with aws_error("InvalidParameterCombination"):
        spoken.get_metric_statistics(
            Namespace="app", MetricName="m", StartTime=noon, EndTime=noon - timedelta(1), Period=60, Statistics=["Sum"]
        )
    with aws_error("ResourceNotFound"):
        spoken.get_dashboard(DashboardName="none")
    with aws_error("InvalidParameterInput"):
        spoken.put_dashboard(DashboardName="d", DashboardBody="[]")


def test_a_dashboard_reads_back(spoken):
    body = json.dumps({"widgets": [{"type": "text", "x": 0, "y": 0, "width": 6, "height": 3, "properties": {"markdown": "# <ü>"}}]})
    assert spoken.put_dashboard(DashboardName="d", DashboardBody=body).get("DashboardValidationMessages", []) == []
    assert spoken.get_dashboard(DashboardName="d")["DashboardBody"] == body
    [entry] = spoken.list_dashboards()["DashboardEntries"]
    assert (entry["DashboardName"], entry["Size"]) == ("d", len(body.encode()))


def test_what_is_wrong_with_a_dashboard_is_told(cloudwatch, aws_error):
    widgets = [{"type": "text", "properties": {}}, {"type": "metric", "properties": {"view": "timeSeries"}}, {"properties": {}}, 7]
    with aws_error("InvalidParameterInput", "The dashboard body is invalid, there are 6 validation errors:\n[\n  {\n") as caught:
        cloudwatch.put_dashboard(DashboardName="d", DashboardBody=json.dumps({"widgets": widgets}))
    message = caught.value.response["Error"]["Message"]
    assert [(one["dataPath"], one["message"]) for one in json.loads(message.partition("\n")[2])] == [
        ("/widgets/0/properties", "Should have required property 'markdown'"),
        ("/widgets/1/properties", "Should have required property 'metrics'"),
        ("/widgets/1/properties", "The metric widget should have specified a region and a data source or an alarm annotation"),
        ("/widgets/1/properties", "Should have required property 'annotations'"),
        ("/widgets/2", "Should have required property 'type'"),
        ("/widgets/3", "Should be object"),
    ]
    assert cloudwatch.list_dashboards()["DashboardEntries"] == []
