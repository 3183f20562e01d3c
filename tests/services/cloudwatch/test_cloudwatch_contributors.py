"""Alarms with contributors, and Contributor Insights rules."""

import json
from datetime import timedelta

import pytest


def put(cloudwatch, host, value):
    datum = {"MetricName": "cpu", "Dimensions": [{"Name": "Host", "Value": host}], "Value": value}
    cloudwatch.put_metric_data(Namespace="Fleet", MetricData=[datum])


def test_an_alarm_on_a_grouped_query_rings_for_each_contributor(world, cloudwatch, aws_error):
    cloudwatch.put_metric_alarm(
        AlarmName="a",
        EvaluationPeriods=1,
        Threshold=50.0,
        ComparisonOperator="GreaterThanThreshold",
        Metrics=[{"Id": "q", "Expression": 'SELECT MAX(cpu) FROM "Fleet" GROUP BY Host', "Period": 60}],
    )
    for host, value in (("a", 90), ("b", 10), ("c", 80)):
        put(cloudwatch, host, value)
    world.clock.advance(minutes=1)
    found = cloudwatch.describe_alarm_contributors(AlarmName="a")["AlarmContributors"]
    assert sorted(one["ContributorAttributes"]["Host"] for one in found) == ["a", "c"]
    assert "greater than the threshold (50.0)" in found[0]["StateReason"]
    assert cloudwatch.describe_alarms()["MetricAlarms"][0]["StateValue"] == "ALARM"
    for host in "abc":
        put(cloudwatch, host, 1)
    world.clock.advance(minutes=1)
    assert cloudwatch.describe_alarm_contributors(AlarmName="a")["AlarmContributors"] == []
    assert cloudwatch.describe_alarms()["MetricAlarms"][0]["StateValue"] == "OK"
    with aws_error("ResourceNotFoundException"):
        cloudwatch.describe_alarm_contributors(AlarmName="none")


RULE = {
    "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
    "LogGroupNames": ["/app/*"],
    "LogFormat": "JSON",
    "Contribution": {"Keys": ["$.user.ip"], "Filters": [{"Match": "$.status", "GreaterThan": 399}]},
    "AggregateOn": "Count",
}


@pytest.fixture
def write(world):
    logs = world.client("logs")
    logs.create_log_group(logGroupName="/app/web")
    logs.create_log_stream(logGroupName="/app/web", logStreamName="s")

    def write(*messages):
        now = int(world.clock.now().timestamp() * 1000)
        events = [{"timestamp": now, "message": message if isinstance(message, str) else json.dumps(message)} for message in messages]
        logs.put_log_events(logGroupName="/app/web", logStreamName="s", logEvents=events)

    return write


def put_rule(cloudwatch, **changes):
    cloudwatch.put_insight_rule(RuleName="r", RuleState="ENABLED", RuleDefinition=json.dumps(RULE | changes))


def report(cloudwatch, noon, **more):
    return cloudwatch.get_insight_rule_report(RuleName="r", StartTime=noon, EndTime=noon + timedelta(hours=1), **{"Period": 60, **more})


def test_a_rule_tells_who_contributes_most(world, cloudwatch, noon, write):
    write({"user": {"ip": "0.0.0.0"}, "status": 500})
    world.clock.advance(minutes=1)
    put_rule(cloudwatch)
    write(
        *[{"user": {"ip": ip}, "status": status} for ip, status in (("1.1.1.1", 500), ("2.2.2.2", 404), ("2.2.2.2", 500), ("3.3.3.3", 200))]
    )
    write("no json", {"status": 500})
    world.clock.advance(minutes=1)
    write({"user": {"ip": "1.1.1.1"}, "status": 500})
    write({"user": {"ip": "1.1.1.1"}, "status": 500})
    found = report(cloudwatch, noon, Metrics=["UniqueContributors", "MaxContributorValue", "Sum"])
    assert (found["KeyLabels"], found["AggregationStatistic"]) == (["$.user.ip"], "COUNT")
    assert (found["AggregateValue"], found["ApproximateUniqueCount"]) == (5.0, 2)
    assert [(one["Keys"], one["ApproximateAggregateValue"], len(one["Datapoints"])) for one in found["Contributors"]] == [
        (["1.1.1.1"], 3.0, 2),
        (["2.2.2.2"], 2.0, 1),
    ]
    points = [(one["UniqueContributors"], one["MaxContributorValue"], one["Sum"]) for one in found["MetricDatapoints"]]
    assert points == [(2.0, 2.0, 3.0), (1.0, 2.0, 2.0)]


def test_a_rule_adds_up_fields_of_a_common_log_format(cloudwatch, noon, write):
    put_rule(
        cloudwatch,
        LogFormat="CLF",
        Fields={"1": "ip", "6": "status", "7": "bytes"},
        AggregateOn="Sum",
        Contribution={"Keys": ["ip"], "ValueOf": "bytes", "Filters": [{"Match": "status", "In": [200, 304]}]},
    )
    for ip, status, size in (("a", 200, 10), ("b", 200, 7), ("a", 304, 5), ("b", 500, 900)):
        write(f'{ip} - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" {status} {size}')
    assert [(one["Keys"], one["ApproximateAggregateValue"]) for one in report(cloudwatch, noon)["Contributors"]] == [
        (["a"], 15.0),
        (["b"], 7.0),
    ]


def test_a_disabled_rule_looks_at_nothing(world, cloudwatch, noon, write):
    put_rule(cloudwatch)
    assert cloudwatch.disable_insight_rules(RuleNames=["r", "none"])["Failures"][0]["FailureResource"] == "none"
    [rule] = cloudwatch.describe_insight_rules()["InsightRules"]
    assert (rule["Name"], rule["State"], json.loads(rule["Definition"])) == ("r", "DISABLED", RULE)
    world.clock.advance(minutes=1)
    write({"user": {"ip": "1.1.1.1"}, "status": 500})
    assert report(cloudwatch, noon)["Contributors"] == []
    cloudwatch.enable_insight_rules(RuleNames=["r"])
    write({"user": {"ip": "1.1.1.1"}, "status": 500})
    assert report(cloudwatch, noon)["AggregateValue"] >= 1


def test_rules_have_tags_and_are_deleted(cloudwatch, aws_error):
    cloudwatch.put_insight_rule(RuleName="r", RuleDefinition=json.dumps(RULE), Tags=[{"Key": "a", "Value": "b"}])
    arn = "arn:aws:cloudwatch:us-east-1:000000000000:insight-rule/r"
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    assert cloudwatch.delete_insight_rules(RuleNames=["r"])["Failures"] == []
    with aws_error("ResourceNotFoundException"):
        cloudwatch.list_tags_for_resource(ResourceARN=arn)


@pytest.mark.parametrize("change", [
    {"Schema": {}},
    {"LogGroupNames": []},
    {"LogFormat": "XML"},
    {"Contribution": {"Keys": []}},
    {"Contribution": {"Keys": ["ip"]}},
    {"AggregateOn": "Sum"},
    {"Contribution": {"Keys": ["$.a"], "Filters": [{"Match": "$.a", "Like": "x"}]}},
    {"LogFormat": "CLF"},
])  # fmt: skip
def test_a_rule_that_is_none_is_refused(cloudwatch, aws_error, change):
    with aws_error("InvalidParameterValue"):
        put_rule(cloudwatch, **change)
    assert cloudwatch.describe_insight_rules()["InsightRules"] == []


def test_dashboards_have_tags(cloudwatch):
    cloudwatch.put_dashboard(DashboardName="d", DashboardBody='{"widgets": []}', Tags=[{"Key": "a", "Value": "b"}])
    arn = "arn:aws:cloudwatch::000000000000:dashboard/d"
    cloudwatch.put_dashboard(DashboardName="d", DashboardBody='{"widgets": []}', Tags=[{"Key": "c", "Value": "d"}])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "b"}]


@pytest.mark.parametrize(("search", "hosts"), [
    ('{Fleet,Host} MetricName="cpu"', "abc"),
    ("{Fleet,Host} \"a\" OR Host=b", "ab"),
    ("{Fleet,Host} NOT Host=(a OR b)", "c"),
    ('{Fleet,Host} CPU NOT ("a" OR "c")', "b"),
    ("{Fleet,Host,Zone} cpu", ""),
    ('Namespace="Fleet" Host="c"', "c"),
])  # fmt: skip
def test_a_search_takes_and_or_not_and_parentheses(cloudwatch, noon, search, hosts):
    for host in "abc":
        put(cloudwatch, host, 1)
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=[{"Id": "s", "Expression": f"SEARCH('{search}', 'Sum', 60)"}], StartTime=noon, EndTime=noon + timedelta(minutes=1)
    )
    assert "".join(sorted(one["Label"].split()[0] for one in answer["MetricDataResults"])) == hosts
