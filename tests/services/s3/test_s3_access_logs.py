from __future__ import annotations

import json

import pytest


@pytest.fixture
def logged(s3, bucket):
    s3.create_bucket(Bucket="logs")
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::logs/*",
    }
    s3.put_bucket_policy(Bucket="logs", Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    status = {"LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": "photos/"}}
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus=status)
    return bucket


def lines(world, s3):
    world.clock.advance(minutes=5)
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="logs").get("Contents", [])]
    assert all(key.startswith("photos/") for key in keys)
    return [line for key in keys for line in s3.get_object(Bucket="logs", Key=key)["Body"].read().decode().splitlines()]


def test_calls_are_delivered_as_lines_of_the_target_bucket(world, s3, logged, aws_error):
    s3.put_object(Bucket=logged, Key="a b.txt", Body=b"hello")
    with aws_error("NoSuchKey"):
        s3.get_object(Bucket=logged, Key="none")
    found = lines(world, s3)
    put = next(line for line in found if "REST.PUT.OBJECT" in line)
    assert " photos " in put
    assert " a%2520b.txt " in put
    assert any("REST.GET.OBJECT none" in line and " 404 NoSuchKey " in line for line in found)


def test_nothing_is_logged_once_it_is_off(world, s3, logged):
    s3.put_bucket_logging(Bucket=logged, BucketLoggingStatus={})
    lines(world, s3)
    before = len(lines(world, s3))
    s3.put_object(Bucket=logged, Key="a", Body=b"")
    assert len(lines(world, s3)) == before
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=logged)


def test_the_target_must_be_there(s3, bucket, aws_error):
    with aws_error("InvalidTargetBucketForLogging"):
        s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "nowhere-at-all", "TargetPrefix": ""}})
