from __future__ import annotations

import io
import json
import sys
import zipfile

import pytest


def events(world):
    """What the world has published of S3, oldest first."""

    def read():
        from cloudjar.kernel.events import Event

        with world._world().reading() as ctx:
            return [event for event in ctx.where(Event) if event.source == "aws.s3"]

    return world.local.do(read)


@pytest.fixture
def bridged(s3, bucket):
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})
    return bucket


def test_nothing_is_published_unasked(world, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert events(world) == []


def test_a_put_is_published_in_eventbridges_shape(world, s3, bridged):
    s3.put_object(Bucket=bridged, Key="a b", Body=b"12345")
    (event,) = events(world)
    assert (event.detail_type, event.resources) == ("Object Created", ["arn:aws:s3:::photos"])
    assert event.detail["bucket"] == {"name": "photos"}
    assert (event.detail["object"]["key"], event.detail["object"]["size"], event.detail["reason"]) == ("a b", 5, "PutObject")


def test_each_change_has_its_own_event(world, s3, bridged):
    s3.put_object(Bucket=bridged, Key="k", Body=b"")
    s3.copy_object(Bucket=bridged, Key="c", CopySource={"Bucket": bridged, "Key": "k"})
    s3.put_object_tagging(Bucket=bridged, Key="k", Tagging={"TagSet": []})
    s3.delete_object(Bucket=bridged, Key="k")
    seen = [(event.detail_type, event.detail.get("reason")) for event in events(world)]
    assert seen == [
        ("Object Created", "PutObject"),
        ("Object Created", "CopyObject"),
        ("Object Tags Added", None),
        ("Object Deleted", "DeleteObject"),
    ]


def test_the_configuration_is_given_back(s3, bridged):
    assert s3.get_bucket_notification_configuration(Bucket=bridged)["EventBridgeConfiguration"] == {}
    s3.put_bucket_notification_configuration(Bucket=bridged, NotificationConfiguration={})
    assert "EventBridgeConfiguration" not in s3.get_bucket_notification_configuration(Bucket=bridged)


def configuration(arn="arn:aws:lambda:us-east-1:000000000000:function:nobody", events=("s3:ObjectCreated:*",), rules=()):
    item = {"LambdaFunctionArn": arn, "Events": list(events), "Id": "one"}
    if rules:
        item["Filter"] = {"Key": {"FilterRules": [{"Name": name, "Value": value} for name, value in rules]}}
    return item


def test_targets_are_kept_with_their_filters(s3, bucket):
    wanted = {"LambdaFunctionConfigurations": [configuration(rules=[("prefix", "in/"), ("suffix", ".jpg")])]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=wanted, SkipDestinationValidation=True)
    answer = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert answer["LambdaFunctionConfigurations"] == wanted["LambdaFunctionConfigurations"]


def test_a_function_that_is_not_there_is_refused(s3, bucket, aws_error):
    wanted = {"LambdaFunctionConfigurations": [configuration()]}
    with aws_error("InvalidArgument", "Unable to validate"):
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=wanted)


@pytest.mark.parametrize(
    "items",
    [
        [configuration(), configuration(events=["s3:ObjectCreated:Put"])],
        [configuration(rules=[("infix", "x")])],
        [configuration(rules=[("prefix", "a"), ("Prefix", "b")])],
        [configuration(arn="nonsense")],
        [configuration(events=["ObjectCreated"])],
    ],
)
def test_configurations_that_break_the_rules_are_refused(s3, bucket, aws_error, items):
    with aws_error("InvalidArgument"):
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": items}, SkipDestinationValidation=True
        )


def test_a_function_is_told_of_a_put(world, s3, bucket):
    source = (
        "def handler(event, context):\n    record = event['Records'][0]\n    print(record['eventName'], record['s3']['object']['key'])\n"
    )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("app.py", source)
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    iam = world.client("iam")
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.attach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
    functions = world.client("lambda")
    runtime = f"python3.{sys.version_info.minor}"
    made = functions.create_function(
        FunctionName="f", Runtime=runtime, Role=role, Handler="app.handler", Code={"ZipFile": archive.getvalue()}
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="f")
    arn = made["FunctionArn"]
    functions.add_permission(FunctionName="f", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com")
    wanted = {"LambdaFunctionConfigurations": [configuration(arn=arn, rules=[("suffix", ".jpg")])]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=wanted)
    s3.put_object(Bucket=bucket, Key="no.txt", Body=b"")
    s3.put_object(Bucket=bucket, Key="a cat.jpg", Body=b"")
    world.settle()
    told = world.client("logs").filter_log_events(logGroupName="/aws/lambda/f", filterPattern="ObjectCreated")["events"]
    assert [event["message"].partition("ObjectCreated")[2].strip() for event in told] == [":Put a+cat.jpg"]
