"""Organizations: a tree of accounts, and the policies that bind them."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture
def org(world):
    client = world.client("organizations")
    client.create_organization()
    return client


@pytest.fixture
def account(world, org):
    """The number of a fresh member account."""
    request = org.create_account(Email="one@example.com", AccountName="one")["CreateAccountStatus"]
    assert request["State"] == "IN_PROGRESS"
    world.clock.advance(seconds=5)
    return org.describe_create_account_status(CreateAccountRequestId=request["Id"])["CreateAccountStatus"]["AccountId"]


def root_of(org):
    return org.list_roots()["Roots"][0]["Id"]


def refusal(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]


def test_an_account_without_an_organization_is_told_so(world):
    assert refusal(world.client("organizations").list_accounts)["Code"] == "AWSOrganizationsNotInUseException"


def test_an_account_is_in_one_organization_at_most(org):
    assert refusal(org.create_organization)["Code"] == "AlreadyInOrganizationException"


def test_a_created_account_is_a_real_one_and_lets_the_management_account_in(world, org, account):
    assert {each["Id"] for each in org.list_accounts()["Accounts"]} == {"000000000000", account}
    given = world.client("sts").assume_role(RoleArn=f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole", RoleSessionName="admin")[
        "Credentials"
    ]
    keys = {"access_key": given["AccessKeyId"], "secret": given["SecretAccessKey"], "session_token": given["SessionToken"]}
    world.client("iam", **keys).create_user(UserName="inside")
    assert [user["UserName"] for user in world.client("iam", access_key=account).list_users()["Users"]] == ["inside"]


def test_an_email_address_serves_one_account(world, org, account):
    request = org.create_account(Email="one@example.com", AccountName="two")["CreateAccountStatus"]["Id"]
    world.clock.advance(seconds=5)
    status = org.describe_create_account_status(CreateAccountRequestId=request)["CreateAccountStatus"]
    assert (status["State"], status["FailureReason"]) == ("FAILED", "EMAIL_ALREADY_EXISTS")


def test_a_region_deny_policy_binds_the_root_user_of_a_member_account(world, org, account):
    deny = policy(
        {
            "Effect": "Deny",
            "NotAction": ["iam:*", "organizations:*", "sts:*"],
            "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:RequestedRegion": "eu-central-1"}},
        }
    )
    made = org.create_policy(Name="regions", Description="", Type="SERVICE_CONTROL_POLICY", Content=deny)["Policy"]["PolicySummary"]["Id"]
    here, there = (world.client("logs", access_key=account, region=region) for region in ("eu-central-1", "us-east-1"))
    there.create_log_group(logGroupName="before")
    org.attach_policy(PolicyId=made, TargetId=account)
    here.create_log_group(logGroupName="g")
    said = refusal(there.create_log_group, logGroupName="after")
    arn = org.describe_policy(PolicyId=made)["Policy"]["PolicySummary"]["Arn"]
    assert said["Code"] == "AccessDeniedException" and said["Message"].endswith(f"with an explicit deny in a service control policy: {arn}")
    world.client("iam", access_key=account).list_users()
    world.client("logs").create_log_group(logGroupName="free")


def test_every_level_must_allow(world, org, account):
    root = root_of(org)
    unit = org.create_organizational_unit(ParentId=root, Name="narrow")["OrganizationalUnit"]["Id"]
    org.move_account(AccountId=account, SourceParentId=root, DestinationParentId=unit)
    only = policy({"Effect": "Allow", "Action": "logs:*", "Resource": "*"})
    made = org.create_policy(Name="logs", Description="", Type="SERVICE_CONTROL_POLICY", Content=only)["Policy"]["PolicySummary"]["Id"]
    org.attach_policy(PolicyId=made, TargetId=unit)
    org.detach_policy(PolicyId="p-FullAWSAccess", TargetId=unit)
    world.client("logs", access_key=account).describe_log_groups()
    assert "no service control policy allows" in refusal(world.client("iam", access_key=account).list_users)["Message"]


def test_a_resource_control_policy_binds_who_comes_from_outside(world, org, account):
    owner = world.client("s3", access_key=account)
    owner.create_bucket(Bucket="guarded")
    open_to_all = {"Effect": "Allow", "Principal": {"AWS": "999988887777"}, "Action": "s3:*", "Resource": "arn:aws:s3:::guarded"}
    owner.put_bucket_policy(Bucket="guarded", Policy=policy(open_to_all))
    outsider = world.client("s3", access_key="999988887777")
    outsider.list_objects_v2(Bucket="guarded")
    org.enable_policy_type(RootId=root_of(org), PolicyType="RESOURCE_CONTROL_POLICY")
    organization = org.describe_organization()["Organization"]["Id"]
    perimeter = policy(
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": "*",
            "Condition": {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": organization}},
        }
    )
    made = org.create_policy(Name="edge", Description="", Type="RESOURCE_CONTROL_POLICY", Content=perimeter)["Policy"]["PolicySummary"][
        "Id"
    ]
    org.attach_policy(PolicyId=made, TargetId=root_of(org))
    assert refusal(outsider.list_objects_v2, Bucket="guarded")["Code"] == "AccessDenied"
    owner.list_objects_v2(Bucket="guarded")


def test_the_last_policy_of_a_type_cannot_be_taken_off(org):
    assert refusal(org.detach_policy, PolicyId="p-FullAWSAccess", TargetId=root_of(org))["Code"] == "ConstraintViolationException"


def test_a_policy_in_use_cannot_be_deleted(org):
    content = policy({"Effect": "Deny", "Action": "ec2:*", "Resource": "*"})
    made = org.create_policy(Name="p", Description="", Type="SERVICE_CONTROL_POLICY", Content=content)["Policy"]["PolicySummary"]["Id"]
    org.attach_policy(PolicyId=made, TargetId=root_of(org))
    assert refusal(org.delete_policy, PolicyId=made)["Code"] == "PolicyInUseException"
    org.detach_policy(PolicyId=made, TargetId=root_of(org))
    org.delete_policy(PolicyId=made)
    assert refusal(org.describe_policy, PolicyId=made)["Code"] == "PolicyNotFoundException"


def test_a_malformed_policy_is_refused(org):
    said = refusal(org.create_policy, Name="p", Description="", Type="SERVICE_CONTROL_POLICY", Content='{"Statement": 5}')
    assert said["Code"] == "MalformedPolicyDocumentException"


def test_units_nest_and_are_found_by_parent_and_child(org):
    root = root_of(org)
    outer = org.create_organizational_unit(ParentId=root, Name="outer")["OrganizationalUnit"]["Id"]
    inner = org.create_organizational_unit(ParentId=outer, Name="inner")["OrganizationalUnit"]["Id"]
    assert org.list_children(ParentId=outer, ChildType="ORGANIZATIONAL_UNIT")["Children"] == [{"Id": inner, "Type": "ORGANIZATIONAL_UNIT"}]
    assert org.list_parents(ChildId=inner)["Parents"] == [{"Id": outer, "Type": "ORGANIZATIONAL_UNIT"}]
    assert refusal(org.create_organizational_unit, ParentId=root, Name="outer")["Code"] == "DuplicateOrganizationalUnitException"
    assert refusal(org.delete_organizational_unit, OrganizationalUnitId=outer)["Code"] == "OrganizationalUnitNotEmptyException"


def test_an_invited_account_joins_when_it_accepts(world, org):
    handshake = org.invite_account_to_organization(Target={"Type": "ACCOUNT", "Id": "111122223333"})["Handshake"]["Id"]
    guest = world.client("organizations", access_key="111122223333")
    guest.accept_handshake(HandshakeId=handshake)
    assert "111122223333" in {each["Id"] for each in org.list_accounts()["Accounts"]}
    guest.leave_organization()
    assert refusal(guest.describe_organization)["Code"] == "AWSOrganizationsNotInUseException"


def test_an_invitation_expires(world, org):
    handshake = org.invite_account_to_organization(Target={"Type": "ACCOUNT", "Id": "111122223333"})["Handshake"]["Id"]
    world.clock.advance(days=16)
    guest = world.client("organizations", access_key="111122223333")
    assert refusal(guest.accept_handshake, HandshakeId=handshake)["Code"] == "InvalidHandshakeTransitionException"


def test_members_may_not_look_in_until_they_are_delegated_administrators(world, org, account):
    member = world.client("organizations", access_key=account)
    assert refusal(member.list_accounts)["Code"] == "AccessDeniedException"
    org.enable_aws_service_access(ServicePrincipal="access-analyzer.amazonaws.com")
    org.register_delegated_administrator(AccountId=account, ServicePrincipal="access-analyzer.amazonaws.com")
    assert len(member.list_accounts()["Accounts"]) == 2
    assert [each["Id"] for each in org.list_delegated_administrators()["DelegatedAdministrators"]] == [account]


def test_tags_of_accounts(org, account):
    org.tag_resource(ResourceId=account, Tags=[{"Key": "team", "Value": "red"}])
    assert org.list_tags_for_resource(ResourceId=account)["Tags"] == [{"Key": "team", "Value": "red"}]
    org.untag_resource(ResourceId=account, TagKeys=["team"])
    assert org.list_tags_for_resource(ResourceId=account)["Tags"] == []


def test_an_organization_with_members_cannot_be_deleted(org, account):
    assert refusal(org.delete_organization)["Code"] == "OrganizationNotEmptyException"
    org.remove_account_from_organization(AccountId=account)
    org.delete_organization()
    assert refusal(org.describe_organization)["Code"] == "AWSOrganizationsNotInUseException"
