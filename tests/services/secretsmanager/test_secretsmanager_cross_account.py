"""A secret that follows another account's."""

from __future__ import annotations

import json

import pytest

OTHER = "999988887777"
KEY_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "kms:Encrypt", "Resource": "*"},
    ],
}


@pytest.fixture
def there(world):
    return world.client("secretsmanager", access_key=OTHER)


@pytest.fixture
def key(world):
    kms = world.client("kms", access_key=OTHER)
    return kms.create_key(Policy=json.dumps(KEY_POLICY))["KeyMetadata"]["Arn"]


@pytest.fixture
def replica(there, key, secret):
    return there.create_secret(Name="copy/db", KmsKeyId=key, CrossAccountPrimaryARN=secret)["ARN"]


def associate(secrets, secret, replica):
    return secrets.associate_cross_account_replica(SecretId=secret, CrossAccountReplicaARN=replica, ReplicaRestriction="NoRestriction")


def test_a_replica_in_another_account_follows_its_primary(secrets, there, secret, replica, aws_error):
    assert there.describe_secret(SecretId=replica)["CrossAccountPrimary"] == {"PrimarySecretARN": secret, "ReplicationStatus": "Pending"}
    with aws_error("ResourceNotFoundException"):
        there.get_secret_value(SecretId=replica)
    assert associate(secrets, secret, replica)["ReplicationStatus"] == "InSync"
    assert there.get_secret_value(SecretId=replica)["SecretString"] == "one"
    secrets.put_secret_value(SecretId=secret, SecretString="two")
    assert there.get_secret_value(SecretId=replica)["SecretString"] == "two"
    assert there.get_secret_value(SecretId=replica, VersionStage="AWSPREVIOUS")["SecretString"] == "one"
    [entry] = secrets.describe_secret(SecretId=secret)["CrossAccountReplicas"]
    assert entry == {"ReplicaSecretARN": replica, "ReplicationStatus": "InSync"}
    with aws_error("InvalidRequestException"):
        there.put_secret_value(SecretId=replica, SecretString="mine")
    there.tag_resource(SecretId=replica, Tags=[{"Key": "team", "Value": "a"}])


def test_a_replica_is_let_go_by_either_side(secrets, there, secret, replica, aws_error):
    associate(secrets, secret, replica)
    with aws_error("InvalidRequestException", "still associated"):
        secrets.delete_secret(SecretId=secret)
    secrets.disassociate_cross_account_replica(SecretId=secret, CrossAccountReplicaARN=replica)
    assert there.describe_secret(SecretId=replica)["CrossAccountPrimary"]["ReplicationStatus"] == "Detached"
    secrets.put_secret_value(SecretId=secret, SecretString="two")
    assert there.get_secret_value(SecretId=replica)["SecretString"] == "one"
    there.stop_replication_to_replica(SecretId=replica)
    there.put_secret_value(SecretId=replica, SecretString="mine")
    assert "CrossAccountPrimary" not in there.describe_secret(SecretId=replica)
    secrets.delete_secret(SecretId=secret)


def test_a_replica_that_leaves_is_seen_from_the_primary(secrets, there, secret, replica):
    associate(secrets, secret, replica)
    there.stop_replication_to_replica(SecretId=replica)
    assert secrets.describe_secret(SecretId=secret)["CrossAccountReplicas"][0]["ReplicationStatus"] == "Detached"


def test_a_copy_that_fails_says_why(world, secrets, there, secret, replica, key):
    associate(secrets, secret, replica)
    world.client("kms", access_key=OTHER).disable_key(KeyId=key)
    secrets.put_secret_value(SecretId=secret, SecretString="two")
    [entry] = secrets.describe_secret(SecretId=secret)["CrossAccountReplicas"]
    assert entry["ReplicationStatus"] == "Failed" and "is disabled" in entry["StatusMessage"]
    assert there.describe_secret(SecretId=replica)["CrossAccountPrimary"]["ReplicationStatus"] == "Failed"


def test_what_no_replica_in_another_account_can_be(secrets, there, secret, replica, key, aws_error):
    for extra in ({"SecretString": "x"}, {"Description": "x"}, {"AddReplicaRegions": [{"Region": "eu-west-1"}]}):
        with aws_error("InvalidParameterException", "in conjunction with CrossAccountPrimaryARN"):
            there.create_secret(Name="bad", KmsKeyId=key, CrossAccountPrimaryARN=secret, **extra)
    with aws_error("InvalidParameterException", "customer managed key"):
        there.create_secret(Name="bad", CrossAccountPrimaryARN=secret)
    with aws_error("InvalidParameterException", "in another account"):
        secrets.create_secret(Name="bad", KmsKeyId=key, CrossAccountPrimaryARN=secret)
    with aws_error("InvalidRequestException", "same organization"):
        secrets.associate_cross_account_replica(SecretId=secret, CrossAccountReplicaARN=replica)
    other = secrets.create_secret(Name="other", SecretString="x")["ARN"]
    with aws_error("InvalidRequestException", "not created as"):
        associate(secrets, other, replica)


def test_policies_have_names(there, secrets, secret, replica, aws_error):
    policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:DeleteSecret", "Resource": "*"}],
        }
    )
    with aws_error("InvalidParameterException"):
        there.put_resource_policy(SecretId=replica, ResourcePolicy=policy, PolicyName="mine")
    there.put_resource_policy(SecretId=replica, ResourcePolicy=policy)
    names = there.list_resource_policies(SecretId=replica)["ResourcePolicies"]
    assert names == [{"PolicyName": "default"}, {"PolicyName": "cross-account-replication"}]
    first = there.list_resource_policies(SecretId=replica, MaxResults=1)
    assert there.list_resource_policies(SecretId=replica, NextToken=first["NextToken"])["ResourcePolicies"] == names[1:]
    managed = json.loads(there.get_resource_policy(SecretId=replica, PolicyName="cross-account-replication")["ResourcePolicy"])
    assert managed["Statement"][0]["Action"] == "secretsmanager:AcceptCrossAccountReplication"
    with aws_error("ResourceNotFoundException"):
        there.get_resource_policy(SecretId=replica, PolicyName="absent")
    with aws_error("InvalidParameterException"):
        there.delete_resource_policy(SecretId=replica, PolicyName="cross-account-replication")
    assert secrets.list_resource_policies(SecretId=secret)["ResourcePolicies"] == []
