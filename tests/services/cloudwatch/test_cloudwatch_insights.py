"""Metrics Insights queries and dynamic labels."""

from __future__ import annotations

from datetime import timedelta

import pytest


@pytest.fixture
def fleet(cloudwatch, noon):
    for name, zone, values in (("a", "east", (10, 20)), ("b", "east", (30, 40)), ("c", "west", (90, 70))):
        for minute, value in enumerate(values):
            cloudwatch.put_metric_data(
                Namespace="Fleet",
                MetricData=[
                    {
                        "MetricName": "cpu",
                        "Dimensions": [{"Name": "Id", "Value": name}, {"Name": "Zone", "Value": zone}],
                        "Timestamp": noon + timedelta(minutes=minute),
                        "Value": value,
                    }
                ],
            )


@pytest.fixture
def ask(cloudwatch, noon):
    def ask(expression, **more):
        answer = cloudwatch.get_metric_data(
            MetricDataQueries=[{"Id": "q", "Expression": expression, "Period": 60, **more}],
            StartTime=noon,
            EndTime=noon + timedelta(minutes=2),
            ScanBy="TimestampAscending",
        )
        return [(one["Label"], one["Values"]) for one in answer["MetricDataResults"]]

    return ask


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT MAX(cpu) FROM Fleet", [("cpu", [90.0, 70.0])]),
        ("SELECT AVG(cpu) FROM SCHEMA(\"Fleet\", Id, Zone) WHERE Zone = 'east'", [("cpu", [20.0, 30.0])]),
        ("SELECT SUM(cpu) FROM Fleet WHERE Zone != 'west' GROUP BY Id", [("a", [10.0, 20.0]), ("b", [30.0, 40.0])]),
        (
            "SELECT AVG(cpu) FROM Fleet GROUP BY Zone ORDER BY MAX() DESC",
            [("west", [90.0, 70.0]), ("east", [20.0, 30.0])],
        ),
        ("select max(cpu) from Fleet group by Id order by avg() asc limit 1", [("a", [10.0, 20.0])]),
        ('SELECT AVG(cpu) FROM SCHEMA("Fleet", Id)', []),
    ],
)
def test_a_query_selects_groups_and_orders(fleet, ask, query, expected):
    assert ask(query) == expected


def test_a_query_is_part_of_metric_math(fleet, cloudwatch, noon):
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=[
            {"Id": "q", "Expression": "SELECT AVG(cpu) FROM Fleet GROUP BY Id", "Period": 60, "ReturnData": False},
            {"Id": "most", "Expression": "MAX(q)"},
        ],
        StartTime=noon,
        EndTime=noon + timedelta(minutes=2),
        ScanBy="TimestampAscending",
    )
    assert [one["Values"] for one in answer["MetricDataResults"]] == [[90.0, 70.0]]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT",
        "SELECT AVG(cpu)",
        "SELECT P99(cpu) FROM Fleet",
        "SELECT AVG(cpu) FROM Fleet WHERE Id",
        "SELECT AVG(cpu) FROM Fleet LIMIT 0",
    ],
)
def test_what_is_no_query_is_refused(cloudwatch, ask, query, aws_error):
    with aws_error("ValidationError"):
        ask(query)


def test_labels_are_filled(fleet, cloudwatch, noon):
    stat = {
        "Metric": {
            "Namespace": "Fleet",
            "MetricName": "cpu",
            "Dimensions": [{"Name": "Id", "Value": "a"}, {"Name": "Zone", "Value": "east"}],
        },
        "Period": 60,
        "Stat": "Average",
    }
    label = "${LABEL} ${PROP('Dim.Id')} ${PROP('Stat')} max ${MAX} at ${MAX_TIME}"
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=[{"Id": "m", "MetricStat": stat, "Label": label}], StartTime=noon, EndTime=noon + timedelta(minutes=2)
    )
    assert answer["MetricDataResults"][0]["Label"] == "cpu a Average max 20 at 2026-03-01T12:01:00Z"


def test_relatives_of_composite_alarms_are_told(cloudwatch):
    for name in ("one", "two"):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="Fleet",
            MetricName="cpu",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
    cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule="ALARM(one) AND ALARM(two)")
    below = cloudwatch.describe_alarms(ChildrenOfAlarmName="both", AlarmTypes=["MetricAlarm"])
    assert [one["AlarmName"] for one in below["MetricAlarms"]] == ["one", "two"]
    above = cloudwatch.describe_alarms(ParentsOfAlarmName="one", AlarmTypes=["CompositeAlarm"])
    assert [one["AlarmName"] for one in above["CompositeAlarms"]] == ["both"]
