"""Access by the tags of buckets."""

from __future__ import annotations

import json

import pytest

ACCOUNT = "000000000000"


@pytest.fixture
def control(world):
    return world.client("s3control")


@pytest.fixture
def developer(world):
    """S3 as a user who may do everything with buckets of team a."""
    iam = world.client("iam")
    iam.create_user(UserName="ada")
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "a"}}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="ada", PolicyName="own", PolicyDocument=policy)
    access = iam.create_access_key(UserName="ada")["AccessKey"]
    return world.client("s3", access_key=access["AccessKeyId"], secret=access["SecretAccessKey"])


def test_tags_of_a_bucket_let_in_once_that_is_switched_on(s3, bucket, developer, aws_error):
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "team", "Value": "a"}]})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.get_bucket_abac(Bucket=bucket)["AbacStatus"] == {"Status": "Disabled"}
    with aws_error("AccessDenied"):
        developer.list_objects_v2(Bucket=bucket)
    s3.put_bucket_abac(Bucket=bucket, AbacStatus={"Status": "Enabled"})
    assert s3.get_bucket_abac(Bucket=bucket)["AbacStatus"] == {"Status": "Enabled"}
    assert developer.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    assert developer.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    s3.put_bucket_abac(Bucket=bucket, AbacStatus={"Status": "Disabled"})
    with aws_error("AccessDenied"):
        developer.get_object(Bucket=bucket, Key="k")


def test_such_tags_are_changed_by_tag_resource_alone(s3, bucket, control, aws_error):
    s3.put_bucket_abac(Bucket=bucket, AbacStatus={"Status": "Enabled"})
    with aws_error("InvalidRequest", "use TagResource"):
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "team", "Value": "a"}]})
    control.tag_resource(AccountId=ACCOUNT, ResourceArn=f"arn:aws:s3:::{bucket}", Tags=[{"Key": "team", "Value": "a"}])
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "team", "Value": "a"}]
    with aws_error("InvalidRequest", "use TagResource"):
        s3.delete_bucket_tagging(Bucket=bucket)
    with aws_error("MalformedXML"):
        s3.put_bucket_abac(Bucket=bucket, AbacStatus={})


def test_names_of_an_accounts_own_namespace(s3, aws_error):
    name = f"photos-{ACCOUNT}-us-east-1-an"
    with aws_error("InvalidBucketName"):
        s3.create_bucket(Bucket=name)
    with aws_error("InvalidBucketName"):
        s3.create_bucket(Bucket="photos", BucketNamespace="account-regional")
    with aws_error("InvalidBucketName"):
        s3.create_bucket(Bucket="photos-111122223333-us-east-1-an", BucketNamespace="account-regional")
    s3.create_bucket(Bucket=name, BucketNamespace="account-regional")
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    assert [found["Name"] for found in s3.list_buckets()["Buckets"]] == [name]
