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


def test_later_tags_follow_to_the_replica(world, s3, versioned, far, replicate):
    replicate(rule())
    put = s3.put_object(Bucket=versioned, Key="a", Body=b"x", Tagging="t=1")
    world.settle()
    s3.put_object_tagging(Bucket=versioned, Key="a", Tagging={"TagSet": [{"Key": "t", "Value": "2"}]})
    world.settle()
    assert far.get_object_tagging(Bucket="mirror", Key="a")["TagSet"] == [{"Key": "t", "Value": "2"}]
    s3.delete_object_tagging(Bucket=versioned, Key="a", VersionId=put["VersionId"])
    world.settle()
    assert far.get_object_tagging(Bucket="mirror", Key="a")["TagSet"] == []
    assert far.head_object(Bucket="mirror", Key="a")["ReplicationStatus"] == "REPLICA"


@pytest.mark.parametrize("status", ["Enabled", "Disabled"])
def test_a_replicas_tags_go_back_where_the_rule_says(world, s3, versioned, far, role, replicate, status):
    replicate(rule())
    criteria = {"ReplicaModifications": {"Status": status}}
    back = rule(versioned, SourceSelectionCriteria=criteria)
    far.put_bucket_replication(Bucket="mirror", ReplicationConfiguration={"Role": role, "Rules": [back]})
    s3.put_object(Bucket=versioned, Key="a", Body=b"x")
    world.settle()
    far.put_object_tagging(Bucket="mirror", Key="a", Tagging={"TagSet": [{"Key": "t", "Value": "2"}]})
    world.settle()
    found = s3.get_object_tagging(Bucket=versioned, Key="a")["TagSet"]
    assert found == ([{"Key": "t", "Value": "2"}] if status == "Enabled" else [])


def test_what_cannot_be_replicated_is_told(world, s3, versioned, far, replicate):
    metrics = {"Bucket": "arn:aws:s3:::mirror", "Metrics": {"Status": "Enabled"}}
    replicate(rule(Destination=metrics))
    sqs = world.client("sqs")
    url = sqs.create_queue(QueueName="failures")["QueueUrl"]
    allow = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [allow]})})
    item = {"QueueArn": "arn:aws:sqs:us-east-1:000000000000:failures", "Events": ["s3:Replication:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=versioned, NotificationConfiguration={"QueueConfigurations": [item]}, SkipDestinationValidation=True
    )
    far.delete_bucket(Bucket="mirror")
    s3.put_object(Bucket=versioned, Key="a", Body=b"x")
    world.settle()
    (message,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    (record,) = json.loads(message["Body"])["Records"]
    assert (record["eventName"], record["eventVersion"]) == ("Replication:OperationFailedReplication", "2.2")
    data = record["replicationEventData"]
    assert (data["replicationRuleId"], data["destinationBucket"], data["failureReason"]) == (
        "r",
        "arn:aws:s3:::mirror",
        "DstBucketNotFound",
    )
    assert s3.head_object(Bucket=versioned, Key="a")["ReplicationStatus"] == "FAILED"


@pytest.mark.parametrize("wrong", [{"Status": "On"}, {"Destination": {"Bucket": "arn:aws:s3:::mirror", "StorageClass": "COLD"}}])
def test_a_rule_with_unknown_words_is_malformed(replicate, aws_error, wrong):
    with aws_error("MalformedXML"):
        replicate(rule(**wrong))


V2 = {"Filter": {}, "Priority": 1, "DeleteMarkerReplication": {"Status": "Disabled"}}


@pytest.mark.parametrize(
    ("rule", "destination", "code"),
    [
        ({**V2, "Filter": {"Tag": {"Key": "a", "Value": "b"}}, "DeleteMarkerReplication": {"Status": "Enabled"}}, {}, "InvalidRequest"),
        ({**V2, "Prefix": ""}, {}, "MalformedXML"),
        (V2, {"ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}}}, "InvalidRequest"),
        (V2, {"Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 10}}}, "InvalidArgument"),
        (V2, {"EncryptionConfiguration": {"ReplicaKmsKeyID": "alias/a"}}, "InvalidRequest"),
        ({**V2, "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}}}, {}, "InvalidRequest"),
        (V2, {"Bucket": "there"}, "InvalidArgument"),
    ],
)
def test_rules_that_s3_does_not_take(s3, versioned, aws_error, rule, destination, code):
    s3.create_bucket(Bucket="there")
    s3.put_bucket_versioning(Bucket="there", VersioningConfiguration={"Status": "Enabled"})
    wanted = {"Status": "Enabled", **rule, "Destination": {"Bucket": "arn:aws:s3:::there", **destination}}
    configuration = {"Role": "arn:aws:iam::000000000000:role/r", "Rules": [wanted]}
    with aws_error(code):
        s3.put_bucket_replication(Bucket=versioned, ReplicationConfiguration=configuration)
