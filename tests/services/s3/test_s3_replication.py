from __future__ import annotations

import json

import pytest

_MAY_ASSUME = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
TRUST = {"Version": "2012-10-17", "Statement": [_MAY_ASSUME]}
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*", "kms:*"], "Resource": "*"}]}


@pytest.fixture
def role(world):
    iam = world.client("iam")
    arn = iam.create_role(RoleName="replicator", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName="replicator", PolicyName="p", PolicyDocument=json.dumps(ALLOW))
    return arn


@pytest.fixture
def far(world):
    client = world.client("s3", region="eu-west-1")
    client.create_bucket(Bucket="mirror", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    client.put_bucket_versioning(Bucket="mirror", VersioningConfiguration={"Status": "Enabled"})
    return client


def rule(bucket="mirror", **more):
    return {
        "ID": "r",
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": f"arn:aws:s3:::{bucket}"},
        **more,
    }


@pytest.fixture
def replicate(s3, versioned, role, far):
    def replicate(*rules):
        s3.put_bucket_replication(Bucket=versioned, ReplicationConfiguration={"Role": role, "Rules": list(rules)})

    return replicate


def test_new_objects_are_copied_to_another_region(world, s3, versioned, far, replicate):
    replicate(rule())
    put = s3.put_object(Bucket=versioned, Key="a", Body=b"x" * 10_000, Metadata={"m": "1"}, Tagging="t=1")
    world.settle()
    copy = far.get_object(Bucket="mirror", Key="a")
    assert copy["Body"].read() == b"x" * 10_000
    assert copy["VersionId"] == put["VersionId"]
    assert copy["Metadata"] == {"m": "1"}
    assert copy["ReplicationStatus"] == "REPLICA"
    assert s3.head_object(Bucket=versioned, Key="a")["ReplicationStatus"] == "COMPLETED"


def test_only_what_the_filter_names_is_copied(world, s3, versioned, far, replicate, aws_error):
    replicate(rule(Filter={"Prefix": "yes/"}))
    s3.put_object(Bucket=versioned, Key="no", Body=b"x")
    world.settle()
    assert "ReplicationStatus" not in s3.head_object(Bucket=versioned, Key="no")
    with aws_error("404"):
        far.head_object(Bucket="mirror", Key="no")


def test_delete_markers_are_copied_where_the_rule_says(world, s3, versioned, far, replicate, aws_error):
    replicate(rule(DeleteMarkerReplication={"Status": "Enabled"}))
    s3.put_object(Bucket=versioned, Key="a", Body=b"x")
    s3.delete_object(Bucket=versioned, Key="a")
    world.settle()
    with aws_error("404"):
        far.head_object(Bucket="mirror", Key="a")
    assert len(far.list_object_versions(Bucket="mirror")["DeleteMarkers"]) == 1
    replicate(rule())
    s3.put_object(Bucket=versioned, Key="b", Body=b"x")
    s3.delete_object(Bucket=versioned, Key="b")
    world.settle()
    assert far.head_object(Bucket="mirror", Key="b")["ReplicationStatus"] == "REPLICA"


def test_another_account_lets_the_role_in_by_its_buckets_policy(world, s3, versioned, role, replicate):
    other = world.client("s3", access_key="111122223333")
    other.create_bucket(Bucket="theirs")
    other.put_bucket_versioning(Bucket="theirs", VersioningConfiguration={"Status": "Enabled"})
    replicate(rule("theirs"))
    s3.put_object(Bucket=versioned, Key="a", Body=b"x")
    world.settle()
    assert s3.head_object(Bucket=versioned, Key="a")["ReplicationStatus"] == "FAILED"
    allow = {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "s3:Replicate*", "Resource": "arn:aws:s3:::theirs/*"}
    other.put_bucket_policy(Bucket="theirs", Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    s3.put_object(Bucket=versioned, Key="b", Body=b"y")
    world.settle()
    assert other.get_object(Bucket="theirs", Key="b")["Body"].read() == b"y"


def test_kms_objects_are_copied_under_the_replicas_key(world, s3, versioned, far, replicate):
    key = world.client("kms", region="eu-west-1").create_key()["KeyMetadata"]["Arn"]
    destination = {"Bucket": "arn:aws:s3:::mirror", "EncryptionConfiguration": {"ReplicaKmsKeyID": key}}
    replicate(rule(Destination=destination, SourceSelectionCriteria={"SseKmsEncryptedObjects": {"Status": "Enabled"}}))
    s3.put_object(Bucket=versioned, Key="a", Body=b"secret", ServerSideEncryption="aws:kms")
    world.settle()
    copy = far.get_object(Bucket="mirror", Key="a")
    assert copy["Body"].read() == b"secret"
    assert copy["SSEKMSKeyId"] == key


def test_both_buckets_must_have_versions(s3, bucket, role, far, aws_error):
    with aws_error("InvalidRequest"):
        s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration={"Role": role, "Rules": [rule()]})


def test_a_configuration_is_read_and_deleted(s3, versioned, replicate, aws_error):
    replicate(rule())
    assert s3.get_bucket_replication(Bucket=versioned)["ReplicationConfiguration"]["Rules"] == [rule()]
    s3.delete_bucket_replication(Bucket=versioned)
    with aws_error("ReplicationConfigurationNotFoundError"):
        s3.get_bucket_replication(Bucket=versioned)
