import json
from datetime import UTC, datetime

import pytest

OFF = {"Mode": "OFF"}


@pytest.fixture
def scheduler(world):
    world.clock.freeze()
    world.clock.set(datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
    return world.client("scheduler")


@pytest.fixture
def role(world):
    iam = world.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}
    allow = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
    arn = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    return arn


@pytest.fixture
def queue(world):
    sqs = world.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]

    class Queue:
        arn = "arn:aws:sqs:us-east-1:000000000000:q"
        address = url

        def bodies(self):
            world.settle()
            found = []
            while more := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get("Messages"):
                for message in more:
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found += more
            return [message["Body"] for message in found]

    return Queue()


def schedule(scheduler, queue, role, expression, name="s", target=None, **more):
    settings = {"Arn": queue.arn, "RoleArn": role, "Input": "<aws.scheduler.scheduled-time>", **(target or {})}
    scheduler.create_schedule(Name=name, ScheduleExpression=expression, FlexibleTimeWindow=OFF, Target=settings, **more)


def test_a_rate_runs_at_once_and_then_by_the_worlds_clock(world, scheduler, queue, role):
    schedule(scheduler, queue, role, "rate(1 hour)")
    world.clock.advance(hours=2)
    assert queue.bodies() == ["2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z", "2026-03-01T14:00:00Z"]


def test_cron_is_in_the_schedules_own_time_zone(world, scheduler, queue, role):
    schedule(scheduler, queue, role, "cron(0 9 * * ? *)", ScheduleExpressionTimezone="America/New_York")
    world.clock.advance(days=6)
    queue.bodies()
    world.clock.advance(days=2)
    # The clocks go forward on 8 March.
    assert queue.bodies() == ["2026-03-07T14:00:00Z", "2026-03-08T13:00:00Z"]


def test_a_one_time_schedule_runs_once_and_may_delete_itself(world, scheduler, queue, role, aws_error):
    schedule(scheduler, queue, role, "at(2026-03-02T09:00:00)", ActionAfterCompletion="DELETE")
    world.clock.advance(days=3)
    assert queue.bodies() == ["2026-03-02T09:00:00Z"]
    with aws_error("ResourceNotFoundException"):
        scheduler.get_schedule(Name="s")


def test_an_end_date_ends_it(world, scheduler, queue, role):
    schedule(scheduler, queue, role, "rate(1 hour)", EndDate=datetime(2026, 3, 1, 13, 30, tzinfo=UTC))
    world.clock.advance(days=1)
    assert len(queue.bodies()) == 2


def test_a_flexible_window_delays_within_its_bounds(world, scheduler, queue, role):
    target = {"Arn": queue.arn, "RoleArn": role, "Input": "x"}
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 30}
    scheduler.create_schedule(Name="s", ScheduleExpression="at(2026-03-01T13:00:00)", FlexibleTimeWindow=window, Target=target)
    world.clock.advance(minutes=59)
    assert queue.bodies() == []
    world.clock.advance(minutes=31)
    assert queue.bodies() == ["x"]


def test_a_disabled_schedule_does_not_run(world, scheduler, queue, role):
    schedule(scheduler, queue, role, "rate(1 hour)", State="DISABLED")
    world.clock.advance(hours=3)
    assert queue.bodies() == []


def test_a_universal_target_is_any_operation(world, scheduler, queue, role):
    given = {"QueueUrl": queue.address, "MessageBody": "hello"}
    target = {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Input": json.dumps(given)}
    schedule(scheduler, queue, role, "at(2026-03-01T13:00:00)", target=target)
    world.clock.advance(hours=2)
    assert queue.bodies() == ["hello"]


def test_a_target_that_is_gone_leaves_a_dead_letter(world, scheduler, queue, role):
    sqs = world.client("sqs")
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    gone = queue.arn.replace(":q", ":gone")
    target = {"Arn": gone, "DeadLetterConfig": {"Arn": queue.arn.replace(":q", ":dead")}}
    schedule(scheduler, queue, role, "at(2026-03-01T13:00:00)", target=target)
    world.clock.advance(hours=2)
    [letter] = sqs.receive_message(QueueUrl=dead, MessageAttributeNames=["All"])["Messages"]
    assert letter["MessageAttributes"]["TARGET_ARN"]["StringValue"] == gone


def test_a_group_takes_its_schedules_with_it(scheduler, queue, role, aws_error):
    scheduler.create_schedule_group(Name="g", Tags=[{"Key": "a", "Value": "b"}])
    schedule(scheduler, queue, role, "rate(1 hour)", GroupName="g")
    assert [one["GroupName"] for one in scheduler.list_schedules()["Schedules"]] == ["g"]
    assert [group["Name"] for group in scheduler.list_schedule_groups()["ScheduleGroups"]] == ["default", "g"]
    scheduler.delete_schedule_group(Name="g")
    assert scheduler.list_schedules()["Schedules"] == []
    with aws_error("ResourceNotFoundException"):
        scheduler.get_schedule_group(Name="g")


@pytest.mark.parametrize(
    ("expression", "more", "code"),
    [
        ("rate(1 hours)", {}, "ValidationException"),
        ("every day", {}, "ValidationException"),
        ("rate(1 hour)", {"ScheduleExpressionTimezone": "Mars/Base"}, "ValidationException"),
        ("rate(1 hour)", {"GroupName": "none"}, "ResourceNotFoundException"),
        ("rate(1 hour)", {"target": {"Arn": "arn:aws:scheduler:::aws-sdk:braket:createJob"}}, "NotImplemented"),
        ("rate(1 hour)", {"target": {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:getQueueUrl"}}, "ValidationException"),
        ("rate(1 hour)", {"target": {"Arn": "arn:aws:batch:us-east-1:000000000000:job-queue/x"}}, "NotImplemented"),
    ],
)
def test_a_schedule_that_is_none_is_refused(scheduler, queue, role, aws_error, expression, more, code):
    with aws_error(code):
        schedule(scheduler, queue, role, expression, **more)


def test_an_updated_schedule_is_as_it_was_put(scheduler, queue, role):
    schedule(scheduler, queue, role, "rate(1 hour)", Description="old")
    target = {"Arn": queue.arn, "RoleArn": role}
    scheduler.update_schedule(Name="s", ScheduleExpression="rate(2 hours)", FlexibleTimeWindow=OFF, Target=target)
    found = scheduler.get_schedule(Name="s")
    assert found["ScheduleExpression"] == "rate(2 hours)"
    assert "Description" not in found
    assert found["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}


def test_a_schedule_runs_while_its_role_can_use_its_key(world, scheduler, queue, role, aws_error):
    kms = world.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    allow = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    world.client("iam").put_role_policy(RoleName="r", PolicyName="k", PolicyDocument=document)
    schedule(scheduler, queue, role, "rate(1 hour)", KmsKeyArn=key)
    assert scheduler.get_schedule(Name="s")["KmsKeyArn"] == key
    assert len(queue.bodies()) == 1
    kms.disable_key(KeyId=key)
    world.clock.advance(hours=1)
    assert queue.bodies() == []
    kms.enable_key(KeyId=key)
    world.clock.advance(minutes=5)
    assert len(queue.bodies()) == 1
    with aws_error("ValidationException", "cannot be used"):
        schedule(scheduler, queue, role, "rate(1 hour)", name="t", KmsKeyArn=key.replace(key[-4:], "0000"))


def test_a_client_token_makes_a_creation_repeatable(scheduler, queue, role, aws_error):
    schedule(scheduler, queue, role, "rate(1 hour)", ClientToken="once")
    schedule(scheduler, queue, role, "rate(1 hour)", ClientToken="once")
    with aws_error("ConflictException"):
        schedule(scheduler, queue, role, "rate(1 hour)", ClientToken="twice")
    assert len(queue.bodies()) == 1
