from __future__ import annotations

from datetime import timedelta

import pytest


@pytest.fixture
def vault(s3):
    s3.create_bucket(Bucket="vault", ObjectLockEnabledForBucket=True)
    return "vault"


@pytest.fixture
def until(world):
    return (world.clock.now() + timedelta(days=30)).replace(microsecond=0)


def test_a_locked_bucket_is_versioned_for_good(s3, vault, aws_error):
    assert s3.get_bucket_versioning(Bucket=vault)["Status"] == "Enabled"
    assert s3.get_object_lock_configuration(Bucket=vault)["ObjectLockConfiguration"] == {"ObjectLockEnabled": "Enabled"}
    with aws_error("InvalidBucketState"):
        s3.put_bucket_versioning(Bucket=vault, VersioningConfiguration={"Status": "Suspended"})


def test_a_version_under_compliance_cannot_be_deleted_before_its_time(world, s3, vault, until, aws_error):
    put = s3.put_object(Bucket=vault, Key="a", Body=b"x", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)
    named = {"Bucket": vault, "Key": "a", "VersionId": put["VersionId"]}
    with aws_error("AccessDenied"):
        s3.delete_object(**named, BypassGovernanceRetention=True)
    assert s3.head_object(**named)["ObjectLockRetainUntilDate"] == until
    assert s3.delete_object(Bucket=vault, Key="a")["DeleteMarker"]
    world.clock.advance(days=31)
    s3.delete_object(**named)
    with aws_error("404"):
        s3.head_object(**named)


def test_governance_is_bypassed_by_who_may_and_says_so(s3, vault, until, aws_error):
    put = s3.put_object(Bucket=vault, Key="a", Body=b"x", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)
    named = {"Bucket": vault, "Key": "a", "VersionId": put["VersionId"]}
    with aws_error("AccessDenied"):
        s3.delete_object(**named)
    s3.delete_object(**named, BypassGovernanceRetention=True)


def test_governance_is_not_bypassed_by_who_may_not(world, s3, vault, until, aws_error):
    iam = world.client("iam")
    iam.create_user(UserName="ann")
    policy = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:DeleteObject*", "Resource": "*"}]}'
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=policy)
    issued = iam.create_access_key(UserName="ann")["AccessKey"]
    ann = world.client("s3", aws_access_key_id=issued["AccessKeyId"], aws_secret_access_key=issued["SecretAccessKey"])
    put = s3.put_object(Bucket=vault, Key="a", Body=b"x", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)
    with aws_error("AccessDenied"):
        ann.delete_object(Bucket=vault, Key="a", VersionId=put["VersionId"], BypassGovernanceRetention=True)


def test_the_buckets_default_applies_to_new_objects(world, s3, vault):
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 10}}
    s3.put_object_lock_configuration(Bucket=vault, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule})
    world.clock.freeze()
    s3.put_object(Bucket=vault, Key="a", Body=b"x")
    found = s3.get_object_retention(Bucket=vault, Key="a")["Retention"]
    assert found["Mode"] == "GOVERNANCE"
    assert found["RetainUntilDate"] - world.clock.now() == timedelta(days=10)


def test_a_legal_hold_holds_until_it_is_lifted(world, s3, vault, aws_error):
    put = s3.put_object(Bucket=vault, Key="a", Body=b"x")
    named = {"Bucket": vault, "Key": "a", "VersionId": put["VersionId"]}
    with aws_error("NoSuchObjectLockConfiguration"):
        s3.get_object_legal_hold(Bucket=vault, Key="a")
    s3.put_object_legal_hold(Bucket=vault, Key="a", LegalHold={"Status": "ON"})
    world.clock.advance(days=4000)
    failed = s3.delete_objects(Bucket=vault, Delete={"Objects": [{"Key": "a", "VersionId": put["VersionId"]}]})
    assert failed["Errors"][0]["Code"] == "AccessDenied"
    s3.put_object_legal_hold(Bucket=vault, Key="a", LegalHold={"Status": "OFF"})
    s3.delete_object(**named)


def test_retention_can_be_made_longer_and_not_shorter(s3, vault, until, aws_error):
    s3.put_object(Bucket=vault, Key="a", Body=b"x", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)
    longer = {"Mode": "COMPLIANCE", "RetainUntilDate": until + timedelta(days=1)}
    s3.put_object_retention(Bucket=vault, Key="a", Retention=longer)
    with aws_error("AccessDenied"):
        s3.put_object_retention(Bucket=vault, Key="a", Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until})
    with aws_error("AccessDenied"):
        s3.put_object_retention(Bucket=vault, Key="a", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": longer["RetainUntilDate"]})


def test_a_bucket_without_locks_takes_none(s3, bucket, until, aws_error):
    with aws_error("InvalidRequest"):
        s3.put_object(Bucket=bucket, Key="a", Body=b"x", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)
    with aws_error("InvalidBucketState"):
        s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})


def test_a_date_in_the_past_is_refused(world, s3, vault, aws_error):
    past = world.clock.now() - timedelta(days=1)
    with aws_error("InvalidArgument"):
        s3.put_object(Bucket=vault, Key="a", Body=b"x", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=past)
