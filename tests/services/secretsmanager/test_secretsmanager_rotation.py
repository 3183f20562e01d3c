"""Rotation by functions that really run; and its schedules."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from datetime import UTC, datetime

import pytest

from cloudjar.kernel.events import Event
from cloudjar.services.secretsmanager import schedule

# What AWS's rotation templates do, in few lines.
ROTATE = """
import boto3
def handler(event, context):
    client, secret, token = boto3.client("secretsmanager"), event["SecretId"], event["ClientRequestToken"]
    step = event["Step"]
    if step == "createSecret":
        stages = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
        assert stages[token] == ["AWSPENDING"], stages
        try:
            client.get_secret_value(SecretId=secret, VersionId=token, VersionStage="AWSPENDING")
        except client.exceptions.ResourceNotFoundException:
            old = client.get_secret_value(SecretId=secret)["SecretString"]
            client.put_secret_value(SecretId=secret, ClientRequestToken=token, SecretString=old + "+", VersionStages=["AWSPENDING"])
    elif step == "testSecret":
        client.get_secret_value(SecretId=secret, VersionStage="AWSPENDING")
    elif step == "finishSecret":
        stages = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
        current = next(version for version, labels in stages.items() if "AWSCURRENT" in labels)
        client.update_secret_version_stage(SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current)
        client.update_secret_version_stage(SecretId=secret, VersionStage="AWSPENDING", RemoveFromVersionId=token)
"""
FAIL = "def handler(event, context):\n    raise ValueError(event['Step'])\n"


@pytest.fixture
def function(world):
    """`function(source)`: the ARN of a Python function that Secrets Manager may invoke, and that may do anything with secrets."""

    def make(source, name="rotate", permission=True):
        iam, client = world.client("iam"), world.client("lambda")
        service = {"Service": "lambda.amazonaws.com"}
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole"}]}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/SecretsManagerReadWrite")
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("app.py", source)
        arn = client.create_function(
            FunctionName=name, Runtime="python3.11", Handler="app.handler", Role=role, Timeout=30, Code={"ZipFile": code.getvalue()}
        )["FunctionArn"]
        if permission:
            client.add_permission(
                FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal="secretsmanager.amazonaws.com"
            )
        return arn

    return make


@pytest.fixture
def announced(world):
    """The names of Secrets Manager's own events so far."""

    def read():
        opened = world.local.jar.worlds.open(world.name)

        def look():
            with opened.reading() as ctx:
                return [event.detail["eventName"] for event in ctx.where(Event) if event.source == "aws.secretsmanager"]

        return world.local.do(look)

    return read


def test_a_secret_rotates_at_once_and_again_by_schedule(world, secrets, secret, function, announced):
    arn = function(ROTATE)
    answer = secrets.rotate_secret(SecretId=secret, RotationLambdaARN=arn, RotationRules={"AutomaticallyAfterDays": 10})
    world.settle()
    found = secrets.get_secret_value(SecretId=secret)
    assert (found["SecretString"], found["VersionId"]) == ("one+", answer["VersionId"])
    assert secrets.get_secret_value(SecretId=secret, VersionStage="AWSPREVIOUS")["SecretString"] == "one"
    described = secrets.describe_secret(SecretId=secret)
    assert described["RotationEnabled"] and described["RotationLambdaARN"] == arn and described["LastRotatedDate"]
    world.clock.advance(days=11)
    world.settle()
    assert secrets.get_secret_value(SecretId=secret)["SecretString"] == "one++"
    assert announced() == ["RotationStarted", "RotationSucceeded"] * 2


def test_a_rotation_that_fails_is_tried_again_and_keeps_the_old_value(world, secrets, secret, function, announced, aws_error):
    answer = secrets.rotate_secret(SecretId=secret, RotationLambdaARN=function(FAIL), RotationRules={"AutomaticallyAfterDays": 10})
    world.settle()
    assert secrets.get_secret_value(SecretId=secret)["SecretString"] == "one"
    assert secrets.describe_secret(SecretId=secret)["VersionIdsToStages"][answer["VersionId"]] == ["AWSPENDING"]
    with aws_error("InvalidRequestException", "A previous rotation isn't complete."):
        secrets.rotate_secret(SecretId=secret)
    world.clock.advance(minutes=2)
    world.settle()
    assert announced() == ["RotationStarted", "RotationFailed", "RotationFailed"]
    cancelled = secrets.cancel_rotate_secret(SecretId=secret)
    assert cancelled["VersionId"] == answer["VersionId"]
    world.clock.advance(days=20)
    world.settle()
    assert len(announced()) == 3 and not secrets.describe_secret(SecretId=secret)["RotationEnabled"]


def test_a_configuration_can_be_tried_without_rotating(world, secrets, secret, function, announced):
    arn = function(FAIL)
    secrets.rotate_secret(SecretId=secret, RotationLambdaARN=arn, RotationRules={"AutomaticallyAfterDays": 1}, RotateImmediately=False)
    world.settle()
    assert announced() == ["TestRotationFailed"]
    assert len(secrets.list_secret_version_ids(SecretId=secret, IncludeDeprecated=True)["Versions"]) == 1


def test_a_function_that_does_not_let_secrets_manager_in_is_refused(secrets, secret, function, aws_error):
    rules = {"AutomaticallyAfterDays": 1}
    with aws_error("AccessDeniedException", "Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com"):
        secrets.rotate_secret(SecretId=secret, RotationLambdaARN=function(ROTATE, permission=False), RotationRules=rules)
    with aws_error("AccessDeniedException"):
        secrets.rotate_secret(
            SecretId=secret, RotationLambdaARN="arn:aws:lambda:us-east-1:000000000000:function:absent", RotationRules=rules
        )
    with aws_error("InvalidRequestException", "No Lambda rotation function ARN"):
        secrets.rotate_secret(SecretId=secret, ClientRequestToken=str(uuid.uuid4()))
    assert "RotationEnabled" not in secrets.describe_secret(SecretId=secret)


@pytest.mark.parametrize(
    "rules",
    [
        {"AutomaticallyAfterDays": 1, "ScheduleExpression": "rate(1 day)"},
        {"ScheduleExpression": "rate(3 hours)"},
        {"ScheduleExpression": "every day"},
        {"ScheduleExpression": "cron(5 8 * * ? *)"},
        {"ScheduleExpression": "cron(0 25 * * ? *)"},
        {"ScheduleExpression": "cron(0 8 1 * MON *)"},
        {"ScheduleExpression": "cron(0 8 ? * SUN#6 *)"},
        {"ScheduleExpression": "cron(0 8 1 1 ?)"},
    ],
)
def test_schedules_that_make_no_sense_are_refused(secrets, secret, aws_error, rules):
    with aws_error("InvalidParameterException"):
        secrets.rotate_secret(SecretId=secret, RotationLambdaARN="arn:aws:lambda:us-east-1:000000000000:function:f", RotationRules=rules)


@pytest.mark.parametrize(
    ("rules", "opens"),
    [
        ({"AutomaticallyAfterDays": 10}, "2024-02-25T00:00"),
        ({"ScheduleExpression": "rate(10 days)"}, "2024-02-25T00:00"),
        ({"ScheduleExpression": "rate(12 hours)"}, "2024-02-15T21:00"),
        ({"ScheduleExpression": "cron(0 8 1 * ? *)"}, "2024-03-01T08:00"),
        ({"ScheduleExpression": "cron(0 9-17/4 * * ? *)"}, "2024-02-15T13:00"),
        ({"ScheduleExpression": "cron(0 /8 * * ? *)"}, "2024-02-15T16:00"),
        ({"ScheduleExpression": "cron(0 0 L * ? *)"}, "2024-02-29T00:00"),
        ({"ScheduleExpression": "cron(0 1 ? * SUN#1 *)"}, "2024-03-03T01:00"),
        ({"ScheduleExpression": "cron(0 1 ? * FRIL *)"}, "2024-02-23T01:00"),
        ({"ScheduleExpression": "cron(0 1 ? JAN,JUN MON-WED *)"}, "2024-06-03T01:00"),
        ({"ScheduleExpression": "cron(0 1 1 1 ? 2020)"}, None),
        ({}, None),
    ],
)
def test_when_the_next_window_opens(rules, opens):
    """From a Thursday, 15 February 2024, 09:30."""
    schedule.check(rules)
    found = schedule.next_after(rules, datetime(2024, 2, 15, 9, 30, tzinfo=UTC))
    assert (found and found.strftime("%Y-%m-%dT%H:%M")) == opens
