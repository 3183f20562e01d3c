"""Functions as subscribers."""

import io
import json
import zipfile

import pytest

HANDLER = """
def handler(event, context):
    (record,) = event["Records"]
    print("GOT", record["EventSource"], record["Sns"]["Message"], record["Sns"]["MessageAttributes"]["k"]["Value"])
"""


@pytest.fixture
def function(world):
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = world.client("iam").create_role(
        RoleName="r", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    world.client("iam").attach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", HANDLER)
    made = world.client("lambda").create_function(
        FunctionName="reader", Runtime="python3.11", Handler="app.handler", Role=role, Code={"ZipFile": buffer.getvalue()}
    )
    return made["FunctionArn"]


def test_a_function_gets_the_event(world, sns, topic, function):
    world.client("lambda").add_permission(
        FunctionName="reader", StatementId="sns", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com", SourceArn=topic
    )
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    sns.publish(TopicArn=topic, Message="hello", MessageAttributes={"k": {"DataType": "String", "StringValue": "v"}})
    world.settle()
    lines = world.client("logs").filter_log_events(logGroupName="/aws/lambda/reader", filterPattern="GOT")["events"]
    assert [line["message"].strip() for line in lines] == ["GOT aws:sns hello v"]


def test_a_function_that_lets_nobody_in_is_not_called(world, sns, topic, function, open_queue, received):
    dead_url, dead = open_queue("dead")
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead})}
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function, Attributes=redrive)
    sns.publish(TopicArn=topic, Message="hello", MessageAttributes={"k": {"DataType": "String", "StringValue": "v"}})
    world.settle()
    (message,) = received(dead_url)
    assert "AccessDenied" in message["MessageAttributes"]["ErrorCode"]["StringValue"]
