"""Hot reload, recursion, code signing, and telling queues, topics and buses how events ended."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloudjar.gateway.inprocess import LocalWorld

from .conftest import Functions

FAIL = "def handler(event, context):\n    raise ValueError('no')\n"


def test_code_in_a_hot_reload_folder_is_seen_as_soon_as_it_changes(functions: Functions, tmp_path: Path) -> None:
    source = tmp_path / "app.py"
    source.write_text("def handler(event, context):\n    return 'before'\n")
    os.chmod(tmp_path, 0o755)
    code = {"S3Bucket": "hot-reload", "S3Key": str(tmp_path)}
    functions.create("hot", {"app.py": ""}, Code=code)
    first = functions.invoke("hot")
    source.write_text("def handler(event, context):\n    return 'after it'\n")
    assert (first.value, functions.invoke("hot").value) == ("before", "after it")


def test_a_hot_reload_folder_that_is_not_there_is_refused(functions: Functions) -> None:
    with pytest.raises(ClientError, match="is not a folder of this machine"):
        functions.create("hot", {"app.py": ""}, Code={"S3Bucket": "hot-reload", "S3Key": "/no/such/folder"})


LOOP = """
import boto3, json
def handler(event, context):
    print('round', event['n'])
    boto3.client('lambda').invoke(FunctionName=context.function_name, InvocationType='Event', Payload=json.dumps({'n': event['n'] + 1}))
"""


def test_a_function_that_calls_itself_is_stopped_after_sixteen_rounds(
    functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    functions.python("loop", LOOP, MemorySize=256)
    functions.client.invoke(FunctionName="loop", InvocationType="Event", Payload=b'{"n": 1}')
    world.settle()
    assert sum(line.startswith("round") for line in log_lines("/aws/lambda/loop")) == 16


def test_a_loop_through_a_queue_is_stopped_too(functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]) -> None:
    iam, sqs = world.client("iam"), world.client("sqs")
    iam.attach_role_policy(RoleName="function", PolicyArn="arn:aws:iam::aws:policy/AmazonSQSFullAccess")
    url = sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    source = (
        "import boto3\ndef handler(event, context):\n    print('round')\n"
        f"    boto3.client('sqs').send_message(QueueUrl='{url}', MessageBody='again')\n"
    )
    functions.python("loop", source, MemorySize=256)
    functions.client.create_event_source_mapping(EventSourceArn="arn:aws:sqs:us-east-1:000000000000:q", FunctionName="loop")
    world.settle()
    sqs.send_message(QueueUrl=url, MessageBody="first")
    world.settle()
    assert sum(line.startswith("round") for line in log_lines("/aws/lambda/loop")) == 16


def test_a_loop_through_a_topic_is_stopped_too(functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]) -> None:
    _allow(world, "sns:Publish")
    sns = world.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    source = (
        "import boto3\ndef handler(event, context):\n    print('round')\n"
        f"    boto3.client('sns').publish(TopicArn='{topic}', Message='again')\n"
    )
    arn = functions.python("loop", source, MemorySize=256)["FunctionArn"]
    functions.client.add_permission(FunctionName="loop", StatementId="s", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com")
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="first")
    world.settle()
    assert sum(line.startswith("round") for line in log_lines("/aws/lambda/loop")) == 16


def test_a_loop_through_a_bucket_is_stopped_too(functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]) -> None:
    _allow(world, "s3:PutObject")
    s3 = world.client("s3")
    s3.create_bucket(Bucket="loop-bucket")
    source = (
        "import boto3\ndef handler(event, context):\n    print('round')\n"
        "    boto3.client('s3').put_object(Bucket='loop-bucket', Key='again', Body=b'x')\n"
    )
    arn = functions.python("loop", source, MemorySize=256)["FunctionArn"]
    functions.client.add_permission(FunctionName="loop", StatementId="s", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com")
    rule = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(Bucket="loop-bucket", NotificationConfiguration={"LambdaFunctionConfigurations": [rule]})
    s3.put_object(Bucket="loop-bucket", Key="first", Body=b"x")
    world.settle()
    assert sum(line.startswith("round") for line in log_lines("/aws/lambda/loop")) == 16


@pytest.mark.parametrize(
    ("mode", "given", "expected"),
    [
        ("PassThrough", "", r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0;Lineage=.*"),
        ("Active", "", r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=1;Lineage=.*"),
        (
            "Active",
            "Root=1-5759e988-bd862e3fe1be46a994272793",
            r"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=[0-9a-f]{16};Sampled=1;.*",
        ),
        (
            "Active",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
            r".*;Parent=53995c3f42cd8ad8;Sampled=0;.*",
        ),
        ("PassThrough", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1", r"Root=1-5759.*;Parent=[0-9a-f]{16};Sampled=1;.*"),
    ],
)
def test_a_trace_header_says_whether_it_is_sampled(functions: Functions, mode: str, given: str, expected: str) -> None:
    source = "import os\ndef handler(event, context):\n    return os.environ['_X_AMZN_TRACE_ID']\n"
    functions.python("f", source, TracingConfig={"Mode": mode})
    if given:
        functions.client.meta.events.register(
            "before-sign.lambda.Invoke", lambda request, **_: request.headers.add_header("X-Amzn-Trace-Id", given)
        )
    assert re.fullmatch(expected, functions.invoke("f").value)


def test_recursion_can_be_allowed(functions: Functions) -> None:
    functions.python("f", FAIL)
    assert functions.client.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Terminate"
    functions.client.put_function_recursion_config(FunctionName="f", RecursiveLoop="Allow")
    assert functions.client.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Allow"


def test_an_enforced_code_signing_configuration_refuses_unsigned_code(functions: Functions, aws_error: Any) -> None:
    client = functions.client
    functions.python("f", FAIL)
    profile = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/abcdefghij"
    policies = {"UntrustedArtifactOnDeployment": "Enforce"}
    config = client.create_code_signing_config(AllowedPublishers={"SigningProfileVersionArns": [profile]}, CodeSigningPolicies=policies)[
        "CodeSigningConfig"
    ]
    arn = config["CodeSigningConfigArn"]
    client.put_function_code_signing_config(FunctionName="f", CodeSigningConfigArn=arn)
    assert client.get_function_code_signing_config(FunctionName="f")["CodeSigningConfigArn"] == arn
    assert len(client.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)["FunctionArns"]) == 1
    with aws_error("ResourceConflictException"):
        client.delete_code_signing_config(CodeSigningConfigArn=arn)
    with aws_error("CodeVerificationFailedException"):
        client.update_function_code(FunctionName="f", ZipFile=b"x")
    client.delete_function_code_signing_config(FunctionName="f")
    client.delete_code_signing_config(CodeSigningConfigArn=arn)
    assert client.list_code_signing_configs()["CodeSigningConfigs"] == []


def _allow(world: LocalWorld, action: str) -> None:
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}
    world.client("iam").put_role_policy(RoleName="function", PolicyName=action.replace(":", "-"), PolicyDocument=json.dumps(policy))


def test_an_event_that_failed_goes_to_a_dead_letter_queue(functions: Functions, world: LocalWorld) -> None:
    _allow(world, "sqs:SendMessage")
    sqs = world.client("sqs")
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    functions.python("f", FAIL, DeadLetterConfig={"TargetArn": "arn:aws:sqs:us-east-1:000000000000:dead"})
    functions.client.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=0)
    functions.client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"n": 1}')
    world.settle()
    [message] = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    assert message["Body"] == '{"n": 1}'
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "no"


def test_a_topic_and_a_bus_are_told_as_destinations(functions: Functions, world: LocalWorld) -> None:
    for action in ("sns:Publish", "events:PutEvents"):
        _allow(world, action)
    sqs, sns, events = (world.client(name) for name in ("sqs", "sns", "events"))
    url = sqs.create_queue(QueueName="seen")["QueueUrl"]
    queue = "arn:aws:sqs:us-east-1:000000000000:seen"
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    events.put_rule(Name="r", EventPattern='{"source": ["lambda"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": queue}])
    functions.python("f", "def handler(event, context):\n    return 1 / event\n")
    functions.client.put_function_event_invoke_config(
        FunctionName="f",
        MaximumRetryAttempts=0,
        DestinationConfig={
            "OnSuccess": {"Destination": "arn:aws:events:us-east-1:000000000000:event-bus/default"},
            "OnFailure": {"Destination": topic},
        },
    )
    for payload in (b"1", b"0"):
        functions.client.invoke(FunctionName="f", InvocationType="Event", Payload=payload)
        world.settle()
    bodies = [json.loads(m["Body"]) for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]]
    [bus] = [body for body in bodies if "detail-type" in body]
    [told] = [body for body in bodies if "requestContext" in body]
    assert (bus["detail-type"], bus["detail"]["responsePayload"]) == ("Lambda Function Invocation Result - Success", 1.0)
    assert told["requestContext"]["condition"] == "RetriesExhausted"


LOGS = """
import logging
log = logging.getLogger()
def handler(event, context):
    log.debug('quiet')
    log.warning('careful', extra={'order': 7})
"""


def test_logs_can_be_json_with_levels(functions: Functions, log_lines: Callable[[str], list[str]]) -> None:
    functions.python("f", LOGS, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "WARN"})
    functions.invoke("f")
    lines = [json.loads(line) for line in log_lines("/aws/lambda/f")]
    assert [line["type"] for line in lines if "type" in line] == ["platform.initStart", "platform.start", "platform.report"]
    [said] = [line for line in lines if "level" in line]
    assert (said["level"], said["message"], said["order"]) == ("WARNING", "careful", 7)
    assert lines[-1]["record"]["status"] == "success"


def test_system_lines_below_the_level_are_left_out(functions: Functions, log_lines: Callable[[str], list[str]]) -> None:
    functions.python("f", FAIL, LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "WARN"})
    functions.invoke("f")
    types = [json.loads(line).get("type") for line in log_lines("/aws/lambda/f") if '"platform.' in line]
    assert types == ["platform.runtimeDone", "platform.report"]


def test_levels_need_the_json_format(functions: Functions) -> None:
    with pytest.raises(ClientError, match="LogFormat must be JSON"):
        functions.python("f", FAIL, LoggingConfig={"LogFormat": "Text", "SystemLogLevel": "WARN"})


TRACE = "import os\ndef handler(event, context):\n    return os.environ['_X_AMZN_TRACE_ID']\n"


@pytest.mark.parametrize(("mode", "sampled"), [("Active", "Sampled=1"), ("PassThrough", "Sampled=0")])
def test_active_tracing_samples(functions: Functions, mode: str, sampled: str) -> None:
    functions.python("f", TRACE, TracingConfig={"Mode": mode})
    assert sampled in functions.invoke("f").value
    assert functions.client.get_function_configuration(FunctionName="f")["TracingConfig"] == {"Mode": mode}
