"""AssumeRoot: a member's root user for one task."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

ROOT_TASK = "arn:aws:iam::aws:policy/root-task/"


def refusal(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]


@pytest.fixture
def member(world, iam):
    """The account number of a member; the organization has root sessions."""
    organizations = world.client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    request = organizations.create_account(AccountName="one", Email="one@example.com")["CreateAccountStatus"]["Id"]
    world.clock.advance(seconds=5)
    organizations.enable_aws_service_access(ServicePrincipal="iam.amazonaws.com")
    assert iam.enable_organizations_root_sessions()["EnabledFeatures"] == ["RootSessions"]
    return organizations.describe_create_account_status(CreateAccountRequestId=request)["CreateAccountStatus"]["AccountId"]


def test_root_access_is_for_the_management_account_with_trusted_access(world, iam):
    assert refusal(iam.list_organizations_features)["Code"] == "OrganizationNotFoundException"
    organizations = world.client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    assert refusal(iam.enable_organizations_root_sessions)["Code"] == "ServiceAccessNotEnabledException"
    organizations.enable_aws_service_access(ServicePrincipal="iam.amazonaws.com")
    iam.enable_organizations_root_credentials_management()
    assert iam.enable_organizations_root_sessions()["EnabledFeatures"] == ["RootCredentialsManagement", "RootSessions"]
    assert iam.disable_organizations_root_credentials_management()["EnabledFeatures"] == ["RootSessions"]
    assert iam.list_organizations_features()["EnabledFeatures"] == ["RootSessions"]


def test_a_root_session_unlocks_a_bucket_and_does_nothing_else(world, as_user, with_credentials, member):
    s3 = world.client("s3", access_key=member)
    s3.create_bucket(Bucket="locked")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::locked", "arn:aws:s3:::locked/*"]}
    s3.put_bucket_policy(Bucket="locked", Policy=json.dumps({"Version": "2012-10-17", "Statement": deny}))
    admin = as_user("admin")
    answer = admin.assume_root(TargetPrincipal=member, TaskPolicyArn={"arn": ROOT_TASK + "S3UnlockBucketPolicy"})
    identity = with_credentials(answer["Credentials"]).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:iam::{member}:root"
    root = with_credentials(answer["Credentials"], "s3")
    assert refusal(root.create_bucket, Bucket="another-one")["Code"] == "AccessDenied"
    assert refusal(with_credentials(answer["Credentials"], "iam").list_users)["Code"] == "AccessDenied"
    root.delete_bucket_policy(Bucket="locked")
    assert s3.list_objects_v2(Bucket="locked")["KeyCount"] == 0
    world.clock.advance(minutes=16)
    assert refusal(root.list_buckets)["Code"] == "ExpiredToken"


def test_only_administrators_of_the_organization_assume_root(world, iam, sts, as_user, member):
    task = {"arn": ROOT_TASK + "IAMAuditRootUserCredentials"}
    assert refusal(sts.assume_root, TargetPrincipal=member, TaskPolicyArn=task)["Code"] == "AccessDenied"
    admin = as_user("admin")
    assert refusal(admin.assume_root, TargetPrincipal="000000000000", TaskPolicyArn=task)["Code"] == "AccessDenied"
    wrong = {"arn": "arn:aws:iam::aws:policy/AdministratorAccess"}
    assert refusal(admin.assume_root, TargetPrincipal=member, TaskPolicyArn=wrong)["Code"] == "ValidationError"
    iam.disable_organizations_root_sessions()
    assert refusal(admin.assume_root, TargetPrincipal=member, TaskPolicyArn=task)["Code"] == "AccessDenied"


def test_what_a_root_session_does_is_in_the_trail_as_an_assumed_root(world, as_user, with_credentials, member):
    answer = as_user("admin").assume_root(TargetPrincipal=member, TaskPolicyArn={"arn": ROOT_TASK + "IAMAuditRootUserCredentials"})
    with_credentials(answer["Credentials"], "iam").list_access_keys()
    events = world.client("cloudtrail", access_key=member).lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "ListAccessKeys"}]
    )["Events"]
    told = json.loads(events[0]["CloudTrailEvent"])
    assert told["userIdentity"]["type"] == "Root"
    assert told["userIdentity"]["sessionContext"]["assumedRoot"] == "true"
