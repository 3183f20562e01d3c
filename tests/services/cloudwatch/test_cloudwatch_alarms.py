import json

import pytest

from cloudjar.services.cloudwatch.judging import judged


def alarm(cloudwatch, name="a", **more):
    settings = {
        "Namespace": "app",
        "MetricName": "m",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    cloudwatch.put_metric_alarm(AlarmName=name, **{**settings, **more})


def state(cloudwatch, name="a"):
    found = cloudwatch.describe_alarms(AlarmNames=[name])
    return (found["MetricAlarms"] + found["CompositeAlarms"])[0]["StateValue"]


def put(cloudwatch, value):
    cloudwatch.put_metric_data(Namespace="app", MetricData=[{"MetricName": "m", "Value": value}])


def test_an_alarm_follows_its_metric(world, cloudwatch):
    alarm(cloudwatch)
    assert state(cloudwatch) == "INSUFFICIENT_DATA"
    put(cloudwatch, 9)
    world.clock.advance(minutes=1)
    assert state(cloudwatch) == "ALARM"
    put(cloudwatch, 1)
    world.clock.advance(minutes=1)
    assert state(cloudwatch) == "OK"
    [found] = cloudwatch.describe_alarms()["MetricAlarms"]
    assert "not greater than the threshold (5.0)" in found["StateReason"]
    world.clock.advance(minutes=10)
    assert state(cloudwatch) == "INSUFFICIENT_DATA"
    updates = cloudwatch.describe_alarm_history(AlarmName="a", HistoryItemType="StateUpdate", ScanBy="TimestampAscending")
    assert [item["HistorySummary"] for item in updates["AlarmHistoryItems"]] == [
        "Alarm updated from INSUFFICIENT_DATA to ALARM",
        "Alarm updated from ALARM to OK",
        "Alarm updated from OK to INSUFFICIENT_DATA",
    ]


@pytest.mark.parametrize(
    ("values", "wanted", "missing", "before", "after"),
    [
        ([0, 0, 9], 3, "missing", "OK", "OK"),
        ([9, 9, 9], 3, "missing", "OK", "ALARM"),
        ([9], 3, "missing", "OK", "ALARM"),
        ([9], 3, "ignore", "OK", "OK"),
        ([9], 3, "breaching", "OK", "ALARM"),
        ([9], 3, "notBreaching", "ALARM", "OK"),
        ([], 3, "missing", "OK", "INSUFFICIENT_DATA"),
        ([], 3, "ignore", "ALARM", "ALARM"),
        ([], 3, "breaching", "OK", "ALARM"),
        ([], 3, "notBreaching", "ALARM", "OK"),
        ([0, 9], 3, "breaching", "OK", "OK"),
        ([0, 9, 9], 2, "missing", "OK", "ALARM"),
        ([0, 0, 9], 2, "ignore", "ALARM", "OK"),
        ([9, 0], 2, "ignore", "ALARM", "OK"),
        ([9, 0], 2, "missing", "ALARM", "OK"),
        ([9, 0], 2, "breaching", "OK", "ALARM"),
        ([0], 2, "ignore", "ALARM", "OK"),
        ([0], 2, "breaching", "OK", "ALARM"),
        ([9], 2, "missing", "OK", "ALARM"),
        ([9], 2, "ignore", "OK", "OK"),
    ],
)
def test_m_of_n_and_missing_points_are_treated_as_the_user_guide_says(values, wanted, missing, before, after):
    settings = {
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 5.0,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": wanted,
        "TreatMissingData": missing,
    }
    assert judged(settings, [value > 5 for value in values], before) == after


def test_an_alarm_may_watch_an_expression(world, cloudwatch):
    metric = {"Metric": {"Namespace": "app", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    cloudwatch.put_metric_alarm(
        AlarmName="a",
        EvaluationPeriods=1,
        Threshold=10.0,
        ComparisonOperator="GreaterThanThreshold",
        Metrics=[{"Id": "m1", "MetricStat": metric, "ReturnData": False}, {"Id": "e1", "Expression": "m1 * 2"}],
    )
    put(cloudwatch, 6)
    world.clock.advance(minutes=1)
    assert state(cloudwatch) == "ALARM"


def test_state_changes_are_published(world, cloudwatch):
    events, logs = world.client("events"), world.client("logs")
    logs.create_log_group(logGroupName="g")
    events.put_rule(Name="r", EventPattern='{"source": ["aws.cloudwatch"], "detail": {"state": {"value": ["ALARM"]}}}')
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": "arn:aws:logs:us-east-1:000000000000:log-group:g"}])
    alarm(cloudwatch)
    cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="trial")
    world.settle()
    [line] = logs.filter_log_events(logGroupName="g")["events"]
    event = json.loads(line["message"])
    assert (event["detail-type"], event["detail"]["previousState"]["value"]) == ("CloudWatch Alarm State Change", "INSUFFICIENT_DATA")


def test_a_composite_alarm_follows_its_rule(cloudwatch, aws_error):
    alarm(cloudwatch, "one")
    alarm(cloudwatch, "two")
    cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule='ALARM(one) AND (ALARM("two") OR FALSE)')
    assert state(cloudwatch, "both") == "OK"
    for name in ("one", "two"):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="trial")
    assert state(cloudwatch, "both") == "ALARM"
    cloudwatch.set_alarm_state(AlarmName="one", StateValue="OK", StateReason="trial")
    assert state(cloudwatch, "both") == "OK"
    with aws_error("ValidationError"):
        cloudwatch.delete_alarms(AlarmNames=["one"])


@pytest.mark.parametrize("rule", ["ALARM(none)", "ALARM(one", "ALARM(one) AND", "one", "NOT"])
def test_a_rule_that_is_none_is_refused(cloudwatch, aws_error, rule):
    alarm(cloudwatch, "one")
    with aws_error("ValidationError"):
        cloudwatch.put_composite_alarm(AlarmName="c", AlarmRule=rule)


def test_composite_alarms_cannot_go_round_in_a_circle(cloudwatch, aws_error):
    alarm(cloudwatch, "one")
    cloudwatch.put_composite_alarm(AlarmName="a", AlarmRule="ALARM(one)")
    cloudwatch.put_composite_alarm(AlarmName="b", AlarmRule="NOT ALARM(a)")
    with aws_error("ValidationError"):
        cloudwatch.put_composite_alarm(AlarmName="a", AlarmRule="ALARM(b)")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"Statistic": "Sum", "ExtendedStatistic": "p99"}, "ValidationError"),
        ({"DatapointsToAlarm": 2}, "ValidationError"),
        ({"TreatMissingData": "guess"}, "ValidationError"),
        ({"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]}, "NotImplemented"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "ValidationError"),
        ({"Period": 61}, "InvalidParameterValue"),
        ({"Period": 5}, "ValidationError"),
        ({"ComparisonOperator": "Above"}, "ValidationError"),
        ({"Unit": "Parsecs"}, "ValidationError"),
    ],
)
def test_an_alarm_that_is_none_is_refused(cloudwatch, aws_error, given, code):
    with aws_error(code):
        alarm(cloudwatch, **given)


def test_alarms_are_tagged_and_deleted(cloudwatch, aws_error):
    alarm(cloudwatch, Tags=[{"Key": "k", "Value": "v"}])
    [found] = cloudwatch.describe_alarms()["MetricAlarms"]
    assert cloudwatch.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"] == [{"Key": "k", "Value": "v"}]
    cloudwatch.delete_alarms(AlarmNames=["a"])
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []
    with aws_error("ResourceNotFound"):
        cloudwatch.set_alarm_state(AlarmName="a", StateValue="OK", StateReason="x")


def test_an_alarm_tells_its_topic(world, cloudwatch):
    sns, sqs = world.client("sns"), world.client("sqs")
    topic = sns.create_topic(Name="t")["TopicArn"]
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:000000000000:q"
    for service, action, resource in (("sns", "sqs:SendMessage", arn), ("cloudwatch", "sns:Publish", topic)):
        statement = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": action, "Resource": resource}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        if service == "sns":
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        else:
            sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    alarm(cloudwatch, AlarmActions=[topic])
    cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="trial")
    world.settle()
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    told = json.loads(json.loads(message["Body"])["Message"])
    assert (told["AlarmName"], told["NewStateValue"], told["OldStateValue"]) == ("a", "ALARM", "INSUFFICIENT_DATA")
    assert told["Trigger"]["MetricName"] == "m"
    actions = cloudwatch.describe_alarm_history(AlarmName="a", HistoryItemType="Action")["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in actions] == [f"Successfully executed action {topic}"]


@pytest.fixture
def notified(world, cloudwatch):
    """A topic, and the new states that it was told of."""
    sns, sqs = world.client("sns"), world.client("sqs")
    topic = sns.create_topic(Name="t")["TopicArn"]
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def policy(service, action, resource):
        allow = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": action, "Resource": resource}
        return json.dumps({"Version": "2012-10-17", "Statement": [allow]})

    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy("sns", "sqs:SendMessage", arn)})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy("cloudwatch", "sns:Publish", topic))
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})

    def states():
        world.settle()
        found = []
        while more := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in more:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found += [json.loads(message["Body"]) for message in more]
        return [(body["OldStateValue"], body["NewStateValue"]) for body in found]

    return topic, states


@pytest.fixture
def suppressed(world, cloudwatch, notified):
    """A composite alarm over "one", suppressed by "quiet"; and what it tells."""
    topic, states = notified
    for name in ("one", "quiet"):
        alarm(cloudwatch, name, TreatMissingData="ignore")
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="trial")
    cloudwatch.put_composite_alarm(
        AlarmName="c", AlarmRule="ALARM(one)", AlarmActions=[topic], OKActions=[topic],
        ActionsSuppressor="quiet", ActionsSuppressorWaitPeriod=60, ActionsSuppressorExtensionPeriod=120,
    )  # fmt: skip

    def move(name, value):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=value, StateReason="trial")

    # It was made a moment ago: that too is told after the wait.
    world.clock.advance(seconds=60)
    assert states() == [("INSUFFICIENT_DATA", "OK")]
    return move, states


def held_by(cloudwatch):
    [found] = cloudwatch.describe_alarms(AlarmNames=["c"])["CompositeAlarms"]
    return found.get("ActionsSuppressedBy")


def test_actions_wait_for_the_suppressor_and_are_taken_without_it(world, cloudwatch, suppressed):
    move, states = suppressed
    move("one", "ALARM")
    assert (held_by(cloudwatch), states()) == ("WaitPeriod", [])
    assert state(cloudwatch, "c") == "ALARM"
    world.clock.advance(seconds=59)
    assert states() == []
    world.clock.advance(seconds=1)
    assert (held_by(cloudwatch), states()) == (None, [("OK", "ALARM")])


def test_actions_are_held_while_the_suppressor_is_in_alarm_and_a_while_longer(world, cloudwatch, suppressed):
    move, states = suppressed
    move("one", "ALARM")
    move("quiet", "ALARM")
    world.clock.advance(minutes=5)
    assert (held_by(cloudwatch), states()) == ("Alarm", [])
    move("quiet", "OK")
    assert (held_by(cloudwatch), states()) == ("ExtensionPeriod", [])
    move("quiet", "ALARM")
    world.clock.advance(minutes=5)
    assert (held_by(cloudwatch), states()) == ("Alarm", [])
    # Back where it was: there is nothing to tell.
    move("one", "OK")
    assert (held_by(cloudwatch), states()) == (None, [])
    move("quiet", "OK")
    world.clock.advance(minutes=10)
    assert states() == []


def test_actions_are_taken_when_the_extension_is_over(world, cloudwatch, suppressed):
    move, states = suppressed
    move("quiet", "ALARM")
    move("one", "ALARM")
    assert (held_by(cloudwatch), states()) == ("Alarm", [])
    move("quiet", "OK")
    world.clock.advance(seconds=119)
    assert (held_by(cloudwatch), states()) == ("ExtensionPeriod", [])
    world.clock.advance(seconds=1)
    assert (held_by(cloudwatch), states()) == (None, [("OK", "ALARM")])


@pytest.mark.parametrize(
    "given",
    [
        {"ActionsSuppressor": "one"},
        {"ActionsSuppressorWaitPeriod": 5, "ActionsSuppressorExtensionPeriod": 5},
        {"ActionsSuppressor": "none", "ActionsSuppressorWaitPeriod": 5, "ActionsSuppressorExtensionPeriod": 5},
        {"ActionsSuppressor": "c", "ActionsSuppressorWaitPeriod": 5, "ActionsSuppressorExtensionPeriod": 5},
    ],
)
def test_half_a_suppressor_is_refused(cloudwatch, aws_error, given):
    alarm(cloudwatch, "one")
    with aws_error("ValidationError"):
        cloudwatch.put_composite_alarm(AlarmName="c", AlarmRule="ALARM(one)", **given)


def test_a_suppressor_cannot_be_deleted(cloudwatch, suppressed, aws_error):
    with aws_error("ValidationError", "Cannot delete quiet"):
        cloudwatch.delete_alarms(AlarmNames=["quiet"])
    [found] = cloudwatch.describe_alarms(AlarmNames=["c"])["CompositeAlarms"]
    assert (found["ActionsSuppressor"], found["ActionsSuppressorWaitPeriod"], found["ActionsSuppressorExtensionPeriod"]) == (
        "quiet",
        60,
        120,
    )


def test_names_that_are_wrong_do_not_keep_other_alarms_from_being_deleted(cloudwatch, aws_error):
    alarm(cloudwatch)
    cloudwatch.delete_alarms(AlarmNames=["a", "none"])
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []
    with aws_error("ResourceNotFound"):
        cloudwatch.delete_alarms(AlarmNames=["a"])


def test_a_state_that_is_none_is_refused_in_the_models_words(cloudwatch, aws_error):
    alarm(cloudwatch)
    with aws_error("ValidationError", "1 validation error detected: Value 'BAD' at 'stateValue' failed to satisfy constraint"):
        cloudwatch.set_alarm_state(AlarmName="a", StateValue="BAD", StateReason="r")


def test_an_expression_that_is_none_is_refused_at_once(cloudwatch, aws_error):
    with aws_error("ValidationError", "Error in expression"):
        cloudwatch.put_metric_alarm(
            AlarmName="a",
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold",
            Metrics=[{"Id": "e1", "Expression": "FOO(m1) +"}],
        )
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_a_topic_of_the_account_needs_no_policy_for_alarms(world, cloudwatch):
    sns = world.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    alarm(cloudwatch, AlarmActions=[topic])
    cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="trial")
    world.settle()
    [item] = cloudwatch.describe_alarm_history(AlarmName="a", HistoryItemType="Action")["AlarmHistoryItems"]
    assert item["HistorySummary"] == f"Successfully executed action {topic}"
