"""Secrets: made, named, read, changed, deleted, listed."""

from __future__ import annotations

import json
import re
import string
import uuid

import pytest


def token():
    return str(uuid.uuid4())


def read(secrets, secret, **options):
    return secrets.get_secret_value(SecretId=secret, **options)["SecretString"]


def test_a_secret_is_read_by_any_of_its_names(secrets):
    made = secrets.create_secret(Name="app/db", SecretString="value", Description="d", Tags=[{"Key": "a", "Value": "b"}])
    assert re.fullmatch(r"arn:aws:secretsmanager:us-east-1:000000000000:secret:app/db-[A-Za-z0-9]{6}", made["ARN"])
    for name in ("app/db", made["ARN"], made["ARN"][:-7]):
        found = secrets.get_secret_value(SecretId=name)
        assert (found["SecretString"], found["VersionId"], found["VersionStages"]) == ("value", made["VersionId"], ["AWSCURRENT"])
    described = secrets.describe_secret(SecretId="app/db")
    assert described["Description"] == "d" and described["Tags"] == [{"Key": "a", "Value": "b"}]
    assert described["VersionIdsToStages"] == {made["VersionId"]: ["AWSCURRENT"]} and "RotationEnabled" not in described


def test_a_name_that_looks_like_one_with_a_suffix_is_found(secrets):
    made = secrets.create_secret(Name="app-abcdef", SecretString="x")
    assert secrets.get_secret_value(SecretId="app-abcdef")["ARN"] == made["ARN"]
    assert secrets.get_secret_value(SecretId=made["ARN"][:-7])["ARN"] == made["ARN"]


def test_binary_values_come_back_as_bytes(secrets):
    secrets.create_secret(Name="b", SecretBinary=b"\x00\xff")
    assert secrets.get_secret_value(SecretId="b")["SecretBinary"] == b"\x00\xff"


def test_what_is_not_there_is_told_apart(secrets, secret, aws_error):
    with aws_error("ResourceNotFoundException", "Secrets Manager can't find the specified secret."):
        read(secrets, "absent")
    with aws_error("ResourceNotFoundException", "for staging label: AWSPENDING"):
        read(secrets, secret, VersionStage="AWSPENDING")
    with aws_error("ResourceNotFoundException", "for VersionId: "):
        read(secrets, secret, VersionId=token())
    secrets.create_secret(Name="empty")
    with aws_error("ResourceNotFoundException", "for staging label: AWSCURRENT"):
        read(secrets, "empty")


def test_creating_is_idempotent_by_its_token(secrets, aws_error):
    once = token()
    made = secrets.create_secret(Name="s", SecretString="x", ClientRequestToken=once)
    again = secrets.create_secret(Name="s", SecretString="x", ClientRequestToken=once)
    assert (again["ARN"], again["VersionId"]) == (made["ARN"], once)
    with aws_error("ResourceExistsException", f"You can't use ClientRequestToken {once}"):
        secrets.create_secret(Name="s", SecretString="y", ClientRequestToken=once)
    with aws_error("ResourceExistsException", "The operation failed because the secret s already exists."):
        secrets.create_secret(Name="s", SecretString="x")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"Name": "a b"}, "ValidationException"),
        ({"SecretString": "x", "SecretBinary": b"x"}, "InvalidParameterException"),
        ({"KmsKeyId": "alias/absent", "SecretString": "x"}, "EncryptionFailure"),
        ({"Tags": [{"Key": "aws:x", "Value": "y"}]}, "InvalidParameterException"),
        ({"Tags": [{"Value": "y"}]}, "InvalidParameterException"),
        ({"SecretString": "x", "AddReplicaRegions": [{}]}, "InvalidParameterException"),
        ({"Type": "Managed"}, "NotImplemented"),
    ],
)
def test_requests_that_are_refused_leave_nothing(secrets, aws_error, options, code):
    with aws_error(code):
        secrets.create_secret(**{"Name": "s", **options})
    assert secrets.list_secrets()["SecretList"] == []


# Versions and their labels


def test_a_new_value_becomes_current_and_the_old_one_previous(secrets, secret):
    first = secrets.get_secret_value(SecretId=secret)["VersionId"]
    second = secrets.put_secret_value(SecretId=secret, SecretString="two")
    assert second["VersionStages"] == ["AWSCURRENT"]
    assert read(secrets, secret) == "two" and read(secrets, secret, VersionStage="AWSPREVIOUS") == "one"
    secrets.update_secret(SecretId=secret, SecretString="three")
    assert read(secrets, secret, VersionStage="AWSPREVIOUS") == "two"
    listed = secrets.list_secret_version_ids(SecretId=secret)["Versions"]
    assert [version["VersionStages"] for version in listed] == [["AWSPREVIOUS"], ["AWSCURRENT"]]
    everything = secrets.list_secret_version_ids(SecretId=secret, IncludeDeprecated=True)["Versions"]
    assert everything[0]["VersionId"] == first and "VersionStages" not in everything[0]


def test_putting_is_idempotent_by_its_token(secrets, secret, aws_error):
    once = token()
    for _ in range(2):
        secrets.put_secret_value(SecretId=secret, SecretString="two", ClientRequestToken=once)
    with aws_error("ResourceExistsException"):
        secrets.put_secret_value(SecretId=secret, SecretString="three", ClientRequestToken=once)
    assert read(secrets, secret, VersionStage="AWSPREVIOUS") == "one"
    with aws_error("InvalidRequestException"):
        secrets.put_secret_value(SecretId=secret)


def test_labels_of_ones_own_and_pending_do_not_touch_the_current_version(secrets, secret):
    pending = secrets.put_secret_value(SecretId=secret, SecretString="two", VersionStages=["AWSPENDING", "mine"])["VersionId"]
    assert read(secrets, secret) == "one"
    assert read(secrets, secret, VersionStage="mine") == read(secrets, secret, VersionId=pending) == "two"


def test_moving_current_takes_previous_along(secrets, secret, aws_error):
    first = secrets.get_secret_value(SecretId=secret)["VersionId"]
    second = secrets.put_secret_value(SecretId=secret, SecretString="two", VersionStages=["AWSPENDING"])["VersionId"]
    move = {"SecretId": secret, "VersionStage": "AWSCURRENT"}
    with aws_error("InvalidParameterException", "The parameter RemoveFromVersionId can't be empty."):
        secrets.update_secret_version_stage(**move, MoveToVersionId=second)
    with aws_error("InvalidParameterException", "You can only move staging label AWSCURRENT"):
        secrets.update_secret_version_stage(**move, RemoveFromVersionId=first)
    secrets.update_secret_version_stage(**move, MoveToVersionId=second, RemoveFromVersionId=first)
    stages = secrets.describe_secret(SecretId=secret)["VersionIdsToStages"]
    assert stages == {first: ["AWSPREVIOUS"], second: ["AWSPENDING", "AWSCURRENT"]}
    secrets.update_secret_version_stage(SecretId=secret, VersionStage="AWSPENDING", RemoveFromVersionId=second)
    secrets.update_secret_version_stage(**move, MoveToVersionId=first, RemoveFromVersionId=second)
    assert secrets.describe_secret(SecretId=secret)["VersionIdsToStages"] == {first: ["AWSCURRENT"], second: ["AWSPREVIOUS"]}


# Encryption and permission


def test_a_secret_is_under_its_kms_key_and_moves_to_another(world, secrets, aws_error):
    kms = world.client("kms")
    one, two = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    secrets.create_secret(Name="s", SecretString="x", KmsKeyId=one)
    kms.disable_key(KeyId=one)
    with aws_error("DecryptionFailure", "is disabled"):
        read(secrets, "s")
    kms.enable_key(KeyId=one)
    secrets.update_secret(SecretId="s", KmsKeyId=two)
    kms.disable_key(KeyId=one)
    assert read(secrets, "s") == "x"
    assert secrets.list_secret_version_ids(SecretId="s")["Versions"][0]["KmsKeyIds"] == [two]


def allow(principal, action):
    statement = {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_resource_policy_lets_a_user_read(world, secrets, secret, aws_error):
    iam = world.client("iam")
    iam.create_user(UserName="ada")
    access = iam.create_access_key(UserName="ada")["AccessKey"]
    ada = world.client("secretsmanager", access_key=access["AccessKeyId"], secret=access["SecretAccessKey"])
    with aws_error("AccessDeniedException"):
        read(ada, secret)
    policy = allow({"AWS": "arn:aws:iam::000000000000:user/ada"}, "secretsmanager:GetSecretValue")
    secrets.put_resource_policy(SecretId=secret, ResourcePolicy=policy)
    assert read(ada, secret) == "one"
    assert secrets.get_resource_policy(SecretId=secret)["ResourcePolicy"] == policy
    secrets.delete_resource_policy(SecretId=secret)
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId=secret)
    with aws_error("AccessDeniedException"):
        read(ada, secret)


def test_public_policies_are_blocked_when_asked(secrets, secret, aws_error):
    public = allow("*", "secretsmanager:GetSecretValue")
    with aws_error("PublicPolicyException"):
        secrets.put_resource_policy(SecretId=secret, ResourcePolicy=public, BlockPublicPolicy=True)
    assert secrets.validate_resource_policy(ResourcePolicy=public)["PolicyValidationPassed"] is False
    assert secrets.validate_resource_policy(ResourcePolicy=allow({"AWS": "000000000000"}, "*"))["PolicyValidationPassed"]
    with aws_error("MalformedPolicyDocumentException"):
        secrets.put_resource_policy(SecretId=secret, ResourcePolicy="{}")


# Deletion


def test_a_deleted_secret_waits_and_can_be_restored(world, secrets, secret, aws_error):
    secrets.delete_secret(SecretId=secret, RecoveryWindowInDays=7)
    with aws_error("InvalidRequestException", "because it was marked for deletion."):
        read(secrets, secret)
    with aws_error("InvalidRequestException", "a secret with this name is already scheduled for deletion"):
        secrets.create_secret(Name="app/db")
    with aws_error("InvalidRequestException", "because it was already scheduled for deletion"):
        secrets.delete_secret(SecretId=secret)
    assert secrets.list_secrets()["SecretList"] == []
    assert [each["Name"] for each in secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"]] == ["app/db"]
    secrets.restore_secret(SecretId=secret)
    world.clock.advance(days=8)
    assert read(secrets, secret) == "one"
    secrets.delete_secret(SecretId=secret, RecoveryWindowInDays=7)
    world.clock.advance(days=6)
    assert secrets.describe_secret(SecretId=secret)["DeletedDate"]
    world.clock.advance(days=2)
    with aws_error("ResourceNotFoundException"):
        secrets.describe_secret(SecretId=secret)


def test_deleting_by_force_is_at_once_and_never_misses(secrets, secret, aws_error):
    with aws_error("InvalidParameterException"):
        secrets.delete_secret(SecretId=secret, RecoveryWindowInDays=7, ForceDeleteWithoutRecovery=True)
    with aws_error("InvalidParameterException", "between 7 and 30 days"):
        secrets.delete_secret(SecretId=secret, RecoveryWindowInDays=31)
    for _ in range(2):
        secrets.delete_secret(SecretId="app/db", ForceDeleteWithoutRecovery=True)
    assert secrets.create_secret(Name="app/db")["ARN"] != secret


# Lists


@pytest.fixture
def several(secrets):
    secrets.create_secret(Name="prod/db", SecretString="1", Description="Main database", Tags=[{"Key": "Team", "Value": "Core"}])
    secrets.create_secret(Name="prod/api", SecretString="2", Description="Partner key")
    secrets.create_secret(Name="test/db", SecretString="3", Tags=[{"Key": "Team", "Value": "Web"}])


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ([{"Key": "name", "Values": ["prod/"]}], ["prod/api", "prod/db"]),
        ([{"Key": "name", "Values": ["PROD"]}], []),
        ([{"Key": "name", "Values": ["!prod"]}], ["test/db"]),
        ([{"Key": "description", "Values": ["DATAB"]}], ["prod/db"]),
        ([{"Key": "tag-key", "Values": ["Team"]}, {"Key": "tag-value", "Values": ["Web"]}], ["test/db"]),
        ([{"Key": "all", "Values": ["core", "partner"]}], ["prod/api", "prod/db"]),
    ],
)
def test_lists_are_filtered(secrets, several, wanted, names):
    listed = secrets.list_secrets(Filters=wanted, SortBy="name", SortOrder="asc")["SecretList"]
    assert [each["Name"] for each in listed] == names


def test_lists_are_sorted_and_paged(secrets, several, aws_error):
    pages = list(secrets.get_paginator("list_secrets").paginate(SortBy="name", SortOrder="desc", PaginationConfig={"PageSize": 2}))
    assert [[each["Name"] for each in page["SecretList"]] for page in pages] == [["test/db", "prod/db"], ["prod/api"]]
    with aws_error("InvalidNextTokenException"):
        secrets.list_secrets(NextToken="*")


def test_many_values_are_read_at_once(secrets, several, aws_error):
    found = secrets.batch_get_secret_value(SecretIdList=["prod/db", "absent"])
    assert [each["SecretString"] for each in found["SecretValues"]] == ["1"]
    assert [(each["SecretId"], each["ErrorCode"]) for each in found["Errors"]] == [("absent", "ResourceNotFoundException")]
    found = secrets.batch_get_secret_value(Filters=[{"Key": "name", "Values": ["prod"]}])
    assert sorted(each["SecretString"] for each in found["SecretValues"]) == ["1", "2"]
    with aws_error("InvalidParameterException"):
        secrets.batch_get_secret_value()


def test_tags_come_and_go(secrets, secret):
    secrets.tag_resource(SecretId=secret, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    secrets.untag_resource(SecretId=secret, TagKeys=["a"])
    assert secrets.describe_secret(SecretId=secret)["Tags"] == [{"Key": "b", "Value": "2"}]


# Passwords


def test_passwords_hold_every_type_that_they_may(secrets, aws_error):
    for _ in range(20):
        password = secrets.get_random_password(PasswordLength=5, IncludeSpace=True)["RandomPassword"]
        assert len(password) == 5
        for letters in (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation, " "):
            assert set(password) & set(letters), password
    digits = secrets.get_random_password(ExcludeLowercase=True, ExcludeUppercase=True, ExcludePunctuation=True, ExcludeCharacters="0")
    assert len(digits["RandomPassword"]) == 32 and set(digits["RandomPassword"]) <= set("123456789")
    with aws_error("InvalidParameterException"):
        secrets.get_random_password(PasswordLength=3)


def test_a_secret_can_be_read_as_a_parameter(world, secrets, secret, aws_error):
    ssm = world.client("ssm")
    found = ssm.get_parameter(Name="/aws/reference/secretsmanager/app/db", WithDecryption=True)["Parameter"]
    assert (found["Value"], found["Type"], found["ARN"]) == ("one", "SecureString", secret)
    assert json.loads(found["SourceResult"])["Name"] == "app/db"
    with aws_error("ParameterNotFound"):
        ssm.get_parameter(Name="/aws/reference/secretsmanager/absent", WithDecryption=True)


# Replication


def test_a_replica_follows_its_primary(secrets, europe, secret, aws_error):
    status = secrets.replicate_secret_to_regions(SecretId=secret, AddReplicaRegions=[{"Region": "eu-west-1"}])["ReplicationStatus"]
    assert [(each["Region"], each["Status"]) for each in status] == [("eu-west-1", "InSync")]
    replica = secret.replace("us-east-1", "eu-west-1")
    assert europe.describe_secret(SecretId="app/db")["ARN"] == replica and read(europe, "app/db") == "one"
    secrets.put_secret_value(SecretId=secret, SecretString="two")
    secrets.tag_resource(SecretId=secret, Tags=[{"Key": "a", "Value": "1"}])
    assert read(europe, replica) == "two" and read(europe, replica, VersionStage="AWSPREVIOUS") == "one"
    assert europe.describe_secret(SecretId=replica)["PrimaryRegion"] == "us-east-1"
    with aws_error("InvalidRequestException", "Operation not permitted on a replica secret."):
        europe.put_secret_value(SecretId=replica, SecretString="x")
    with aws_error("InvalidRequestException", "still has replica regions"):
        secrets.delete_secret(SecretId=secret)


def test_a_replica_ends_or_stands_alone(secrets, europe, secret, aws_error):
    secrets.replicate_secret_to_regions(SecretId=secret, AddReplicaRegions=[{"Region": "eu-west-1"}, {"Region": "us-west-2"}])
    europe.stop_replication_to_replica(SecretId="app/db")
    europe.put_secret_value(SecretId="app/db", SecretString="own")
    assert read(secrets, secret) == "one"
    status = secrets.remove_regions_from_replication(SecretId=secret, RemoveReplicaRegions=["us-west-2"])["ReplicationStatus"]
    assert status == []
    secrets.delete_secret(SecretId=secret)
    assert read(europe, "app/db") == "own"


def test_a_name_that_is_taken_there_fails_unless_it_may_be_overwritten(secrets, europe, secret):
    europe.create_secret(Name="app/db", SecretString="theirs")
    place = {"SecretId": secret, "AddReplicaRegions": [{"Region": "eu-west-1"}]}
    assert secrets.replicate_secret_to_regions(**place)["ReplicationStatus"][0]["Status"] == "Failed"
    assert read(europe, "app/db") == "theirs"
    answer = secrets.replicate_secret_to_regions(**place, ForceOverwriteReplicaSecret=True)
    assert answer["ReplicationStatus"][0]["Status"] == "InSync"
    assert read(europe, "app/db") == "one"


def test_another_account_reads_only_what_its_key_can_be_shared_with(world, secrets, aws_error):
    other = world.client("secretsmanager", access_key="222222222222")
    allow = {"Effect": "Allow", "Principal": {"AWS": "222222222222"}, "Resource": "*"}

    def policy(action):
        return json.dumps({"Version": "2012-10-17", "Statement": [{**allow, "Action": action}]})

    default = secrets.create_secret(Name="default", SecretString="x")["ARN"]
    secrets.put_resource_policy(SecretId=default, ResourcePolicy=policy("secretsmanager:GetSecretValue"))
    with aws_error(
        "InvalidRequestException", "You can't access a secret from a different AWS account if you encrypt the secret with the default"
    ):
        other.get_secret_value(SecretId=default)
    kms = world.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    own = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    own["Statement"].append({**allow, "Action": "kms:Decrypt"})
    kms.put_key_policy(KeyId=key, Policy=json.dumps(own))
    shared = secrets.create_secret(Name="shared", SecretString="x", KmsKeyId=key)["ARN"]
    secrets.put_resource_policy(SecretId=shared, ResourcePolicy=policy("secretsmanager:GetSecretValue"))
    assert other.get_secret_value(SecretId=shared)["SecretString"] == "x"
