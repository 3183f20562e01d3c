from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import timedelta

import boto3
import pytest
from botocore.config import Config

OTHER = "111122223333"


def document(principal, actions, bucket="photos", **more):
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    statement = {"Effect": "Allow", "Principal": principal, "Action": actions, "Resource": resources, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def stranger(world):
    return world.client("s3", access_key=OTHER)


@pytest.fixture
def open_bucket(s3, bucket):
    """A bucket with a public policy, and an object."""
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"for all")
    s3.put_bucket_policy(Bucket=bucket, Policy=document("*", "s3:GetObject"))
    return bucket


def test_other_accounts_are_kept_out(s3, bucket, stranger, aws_error):
    s3.put_object(Bucket=bucket, Key="k", Body=b"mine")
    with aws_error("AccessDenied"):
        stranger.get_object(Bucket=bucket, Key="k")
    with aws_error("AccessDenied"):
        stranger.put_object(Bucket=bucket, Key="k", Body=b"theirs")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"mine"


def test_a_policy_lets_another_account_in(s3, bucket, stranger, aws_error):
    s3.put_object(Bucket=bucket, Key="k", Body=b"shared")
    s3.put_bucket_policy(Bucket=bucket, Policy=document({"AWS": f"arn:aws:iam::{OTHER}:root"}, "s3:GetObject"))
    assert stranger.get_object(Bucket=bucket, Key="k")["Body"].read() == b"shared"
    with aws_error("AccessDenied"):
        stranger.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket_policy(Bucket=bucket)
    with aws_error("AccessDenied"):
        stranger.get_object(Bucket=bucket, Key="k")


def test_a_denial_binds_the_owners_users_and_root(s3, bucket, aws_error):
    policy = json.dumps(
        {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}]}
    )
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    with aws_error("AccessDenied"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"")


def test_a_policy_is_given_back_as_it_was_put(s3, bucket, aws_error):
    with aws_error("NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=bucket)
    policy = document({"AWS": OTHER}, "s3:ListBucket")
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == policy
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False


@pytest.mark.parametrize("policy", ["nonsense", "{}", document("*", "s3:GetObject", bucket="other")])
def test_a_policy_that_is_none_is_refused(s3, bucket, aws_error, policy):
    with aws_error("MalformedPolicy"):
        s3.put_bucket_policy(Bucket=bucket, Policy=policy)


def test_new_buckets_block_public_policies(s3, bucket, aws_error):
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    with aws_error("AccessDenied"):
        s3.put_bucket_policy(Bucket=bucket, Policy=document("*", "s3:GetObject"))


def test_everybody_reads_a_public_bucket(world, s3, open_bucket):
    assert s3.get_bucket_policy_status(Bucket=open_bucket)["PolicyStatus"]["IsPublic"] is True
    with urllib.request.urlopen(f"{world.endpoint}/{open_bucket}/k") as answer:
        assert answer.read() == b"for all"


def test_nobody_reads_a_private_bucket_unsigned(world, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{world.endpoint}/{bucket}/k")
    assert caught.value.code == 403


def test_a_restricted_public_bucket_shuts_strangers_out(world, s3, open_bucket, stranger, aws_error):
    s3.put_public_access_block(Bucket=open_bucket, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
    with aws_error("AccessDenied"):
        stranger.get_object(Bucket=open_bucket, Key="k")
    assert s3.get_object(Bucket=open_bucket, Key="k")["Body"].read() == b"for all"


def test_a_deleted_bucket_leaves_no_policy_behind(s3, bucket, aws_error):
    s3.put_bucket_policy(Bucket=bucket, Policy=document({"AWS": OTHER}, "s3:ListBucket"))
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    with aws_error("NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=bucket)


@pytest.mark.parametrize(
    ("actions", "resources", "message"),
    [
        ("s3:Fly", "arn:aws:s3:::photos/*", "Policy has invalid action"),
        ("ec2:RunInstances", "arn:aws:s3:::photos/*", "Policy has invalid action"),
        (["s3:GetObject", "s3:ListBucket"], "arn:aws:s3:::photos/*", "Action does not apply to any resource(s) in statement"),
        ("s3:PutObject", "arn:aws:s3:::photos", "Action does not apply to any resource(s) in statement"),
    ],
)
def test_policies_about_nothing_are_refused(s3, bucket, aws_error, actions, resources, message):
    def put(actions, resources):
        statement = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": actions, "Resource": resources}
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))

    with aws_error("MalformedPolicy", message):
        put(actions, resources)
    put(["s3:Get*", "s3:List*"], "arn:aws:s3:::photos/*")
    put(["s3:PutObject", "s3:ListBucket"], "arn:aws:s3:::photos*")
    put(["s3:getobject", "s3:ListBucket"], ["arn:aws:s3:::photos", "arn:aws:s3:::photos/a"])


@pytest.fixture
def user(world):
    """`user(actions, condition)`: a client of a user who may do that under that condition alone."""
    iam = world.client("iam")
    iam.create_user(UserName="jane")
    key = iam.create_access_key(UserName="jane")["AccessKey"]

    def make(actions, condition):
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*", "Condition": condition}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName="jane", PolicyName="p", PolicyDocument=policy)
        return world.client("s3", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])

    return make


def test_the_account_of_a_bucket_can_be_asked_for(s3, bucket, user, stranger, aws_error):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    stranger.create_bucket(Bucket="theirs")
    mine = user("s3:*", {"StringEquals": {"s3:ResourceAccount": "000000000000"}})
    mine.get_object(Bucket=bucket, Key="k")
    other = user("s3:*", {"StringEquals": {"s3:ResourceAccount": OTHER}})
    with aws_error("AccessDenied"):
        other.get_object(Bucket=bucket, Key="k")


def test_how_long_a_lock_may_be(world, s3, user, aws_error):
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket="locked", Key="k", Body=b"x")
    jane = user("s3:PutObjectRetention", {"NumericLessThanEquals": {"s3:object-lock-remaining-retention-days": "10"}})
    now = world.clock.now()

    def lock(days):
        until = now + timedelta(days=days)
        jane.put_object_retention(Bucket="locked", Key="k", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until})

    lock(10)
    with aws_error("AccessDenied"):
        lock(12)


def test_what_makes_an_object_can_be_told_from_what_prepares_for_it(s3, bucket, user, aws_error):
    jane = user("s3:PutObject", {"Bool": {"s3:ObjectCreationOperation": "false"}})
    upload = jane.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    jane.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")
    with aws_error("AccessDenied"):
        jane.put_object(Bucket=bucket, Key="k", Body=b"x")


def test_a_policy_can_ask_for_the_version_of_tls_and_the_age_of_a_link(world, s3, bucket, aws_error):
    s3.put_object(Bucket=bucket, Key="k", Body=b"v")
    denial = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}

    def deny_where(**condition):
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Statement": [{**denial, "Condition": condition}]}))

    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    ours = {**keys, "region_name": "us-east-1", "config": Config(signature_version="s3v4", retries={"max_attempts": 0})}
    encrypted = world.endpoint.replace("http://127.0.0.1", "https://localhost")
    safe = boto3.client("s3", endpoint_url=encrypted, verify=str(world.local.jar.authority.bundle()), **ours)
    deny_where(NumericLessThan={"s3:TlsVersion": "1.2"})
    assert safe.get_object(Bucket=bucket, Key="k")["Body"].read() == b"v"
    deny_where(NumericGreaterThanEquals={"s3:TlsVersion": "1.2"})
    with aws_error("AccessDenied"):
        safe.get_object(Bucket=bucket, Key="k")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"v"  # plain HTTP has no such version

    link = boto3.client("s3", endpoint_url=world.endpoint, **ours).generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "k"}
    )
    deny_where(NumericGreaterThan={"s3:signatureAge": "600000"})
    assert urllib.request.urlopen(link).read() == b"v"
    deny_where(NumericGreaterThanEquals={"s3:signatureAge": "0"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(link)
    assert refused.value.code == 403
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"v"  # a signature in a header has no age
