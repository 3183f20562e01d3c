from __future__ import annotations

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
