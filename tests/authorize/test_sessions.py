"""What temporary credentials may never do, and whose calls are refused before anything is judged."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def message_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Message"]


@pytest.fixture
def ann(person):
    return person("ann", {"Action": "*"})


@pytest.fixture
def using(world):
    def make(credentials, service):
        return world.client(
            service,
            access_key=credentials["AccessKeyId"],
            secret=credentials["SecretAccessKey"],
            session_token=credentials["SessionToken"],
        )

    return make


def test_a_session_token_without_mfa_calls_no_iam(ann, using):
    session = ann.client("sts").get_session_token()["Credentials"]
    assert code_of(using(session, "iam").list_users) == "InvalidClientTokenId"
    assert "Buckets" in using(session, "s3").list_buckets()


def test_a_session_token_calls_little_of_sts(world, ann, using):
    session = ann.client("sts").get_session_token()["Credentials"]
    sts = using(session, "sts")
    assert sts.get_caller_identity()["Arn"] == ann.arn
    assert message_of(sts.get_session_token) == "Cannot call GetSessionToken with session credentials"
    assert message_of(sts.get_access_key_info, AccessKeyId=ann.key) == "Cannot call GetAccessKeyInfo with session credentials"
    trust = {"Effect": "Allow", "Principal": {"AWS": ann.arn}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    role = world.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    assert sts.assume_role(RoleArn=role, RoleSessionName="visit")["Credentials"]


def test_federated_users_call_neither_iam_nor_sts(ann, using):
    policy = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
    session = ann.client("sts").get_federation_token(Name="bob", Policy=policy)["Credentials"]
    assert code_of(using(session, "iam").list_users) == "InvalidClientTokenId"
    sts = using(session, "sts")
    assert sts.get_caller_identity()["Arn"].endswith(":federated-user/bob")
    role = "arn:aws:iam::000000000000:role/r"
    assert message_of(sts.assume_role, RoleArn=role, RoleSessionName="visit") == "Cannot call AssumeRole with session credentials"
    assert "Buckets" in using(session, "s3").list_buckets()


def test_a_role_session_calls_both(world, ann, using):
    iam = world.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": ann.arn}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust}))["Role"]
    iam.attach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    session = ann.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="visit")["Credentials"]
    assert using(session, "iam").list_users()["Users"]
    assert using(session, "sts").get_access_key_info(AccessKeyId=ann.key)["Account"] == "000000000000"


def test_a_root_user_with_real_keys_assumes_no_role(world, using):
    iam = world.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust}))["Role"]["Arn"]
    key = iam.create_access_key()["AccessKey"]
    root = world.client("sts", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert root.get_caller_identity()["Arn"].endswith(":root")
    assert message_of(root.assume_role, RoleArn=role, RoleSessionName="visit") == "Roles may not be assumed by root accounts."
    assert world.client("sts").assume_role(RoleArn=role, RoleSessionName="visit")["Credentials"]


def closed_account(world):
    organizations = world.client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    account = organizations.create_account(AccountName="old", Email="old@example.com")["CreateAccountStatus"]["Id"]
    world.clock.advance(seconds=5)
    return organizations, organizations.describe_create_account_status(CreateAccountRequestId=account)["CreateAccountStatus"]["AccountId"]


def test_nobody_of_a_closed_account_calls_anything(world, person):
    organizations, account = closed_account(world)
    ann = person("ann", {"Action": "*"}, account=account)
    world.client("s3", access_key=account).list_buckets()
    organizations.close_account(AccountId=account)
    world.clock.advance(seconds=5)
    assert code_of(world.client("s3", access_key=account).list_buckets) == "InvalidAccessKeyId"
    assert code_of(ann.client("iam").list_users) == "InvalidClientTokenId"
    assert code_of(ann.client("logs").describe_log_groups) == "UnrecognizedClientException"
    assert world.client("sts").get_caller_identity()["Account"] == "000000000000"
