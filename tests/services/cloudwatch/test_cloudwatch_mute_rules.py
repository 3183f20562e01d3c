"""Alarm mute rules."""

from datetime import timedelta

import pytest


@pytest.fixture
def mail(world, cloudwatch):
    """An alarm that sends its actions to a queue, and what has come there."""
    sns, sqs = world.client("sns"), world.client("sqs")
    topic = sns.create_topic(Name="t")["TopicArn"]
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]}'
    )
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": statement})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    cloudwatch.put_metric_alarm(
        AlarmName="a",
        Namespace="app",
        MetricName="m",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=5.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
        AlarmActions=[topic],
    )

    def mail():
        world.settle()
        return len(sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", []))

    return mail


def mute(cloudwatch, expression="at(2026-03-01T12:00)", duration="PT1H", **more):
    cloudwatch.put_alarm_mute_rule(
        Name="r", Rule={"Schedule": {"Expression": expression, "Duration": duration}}, MuteTargets={"AlarmNames": ["a"]}, **more
    )


def test_actions_are_held_and_taken_when_the_window_is_over(world, cloudwatch, mail):
    mute(cloudwatch)
    cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="trial")
    assert mail() == 0
    world.clock.advance(minutes=59)
    assert mail() == 0
    world.clock.advance(minutes=2)
    assert mail() == 1
    assert cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="r")["Status"] == "EXPIRED"


def test_an_alarm_that_is_back_where_it_was_has_nothing_to_do(world, cloudwatch, mail):
    cloudwatch.set_alarm_state(AlarmName="a", StateValue="OK", StateReason="trial")
    mute(cloudwatch)
    for state in ("ALARM", "OK"):
        cloudwatch.set_alarm_state(AlarmName="a", StateValue=state, StateReason="trial")
    world.clock.advance(minutes=61)
    assert mail() == 0


def test_deleting_a_rule_unmutes(cloudwatch, mail):
    mute(cloudwatch)
    cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="trial")
    cloudwatch.delete_alarm_mute_rule(AlarmMuteRuleName="r")
    cloudwatch.delete_alarm_mute_rule(AlarmMuteRuleName="r")
    assert mail() == 1


@pytest.mark.parametrize(("expression", "hours", "status"), [
    ("cron(0 12 * * *)", 0, "ACTIVE"),
    ("cron(30 11 * * SUN)", 0, "ACTIVE"),
    ("cron(30 11 * * 0)", 0, "ACTIVE"),
    ("cron(30 11 * * 1)", 0, "SCHEDULED"),
    ("cron(0 12 * * *)", 1, "SCHEDULED"),
    ("cron(0 12 1 4 *)", 0, "SCHEDULED"),
    ("at(2026-03-01T10:00)", 0, "EXPIRED"),
    ("at(2026-03-01T13:00)", 0, "SCHEDULED"),
])  # fmt: skip
def test_a_rule_is_active_in_its_windows(world, cloudwatch, mail, expression, hours, status):
    mute(cloudwatch, expression)
    world.clock.advance(hours=hours)
    [told] = cloudwatch.list_alarm_mute_rules(AlarmName="a")["AlarmMuteRuleSummaries"]
    assert told["Status"] == status
    assert cloudwatch.list_alarm_mute_rules(Statuses=[status])["AlarmMuteRuleSummaries"] == [told]


def test_a_rule_has_a_beginning_and_an_end(cloudwatch, noon, mail):
    mute(cloudwatch, "cron(0 12 * * *)", StartDate=noon + timedelta(hours=1))
    assert cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="r")["Status"] == "SCHEDULED"
    mute(cloudwatch, "cron(0 12 * * *)", ExpireDate=noon)
    assert cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="r")["Status"] == "EXPIRED"


@pytest.mark.parametrize(("expression", "duration"), [
    ("rate(1 hour)", "PT1H"), ("cron(0 12 * *)", "PT1H"), ("at(noon)", "PT1H"), ("cron(0 12 * * *)", "P16D"), ("cron(0 12 * * *)", "1h"),
    ("cron(0 12 * * *)", "P"),
])  # fmt: skip
def test_a_rule_that_is_none_is_refused(cloudwatch, mail, aws_error, expression, duration):
    with aws_error("ValidationError"):
        mute(cloudwatch, expression, duration)
    assert cloudwatch.list_alarm_mute_rules()["AlarmMuteRuleSummaries"] == []
