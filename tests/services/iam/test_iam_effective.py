"""What IAM keeps is what callers can do: users, groups, boundaries, sessions, against live calls."""

import json

import pytest
from iam_documents import policy, trust

ACCOUNT = "arn:aws:iam::000000000000:root"
LIST = policy("iam:List*")


@pytest.fixture
def ada(world, iam):
    """An IAM client of a user without any permission."""
    iam.create_user(UserName="ada")
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    return world.client("iam", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])


@pytest.fixture
def session(world):
    """`session(answer["Credentials"])`: an IAM client of temporary credentials."""

    def make(credentials):
        return world.client(
            "iam", access_key=credentials["AccessKeyId"], secret=credentials["SecretAccessKey"], session_token=credentials["SessionToken"]
        )

    return make


@pytest.fixture
def role(iam):
    arn = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust({"AWS": ACCOUNT}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=policy("iam:*"))
    return arn


def test_nothing_is_allowed_until_something_is(iam, ada, aws_error):
    with aws_error("AccessDenied", "because no identity-based policy allows the iam:ListUsers action"):
        ada.list_users()
    iam.put_user_policy(UserName="ada", PolicyName="p", PolicyDocument=LIST)
    ada.list_users()
    iam.delete_user_policy(UserName="ada", PolicyName="p")
    with aws_error("AccessDenied"):
        ada.list_users()


def test_a_groups_policies_are_its_members(iam, ada, aws_error):
    iam.create_group(GroupName="g")
    iam.attach_group_policy(GroupName="g", PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    iam.add_user_to_group(GroupName="g", UserName="ada")
    ada.list_users()
    iam.remove_user_from_group(GroupName="g", UserName="ada")
    with aws_error("AccessDenied"):
        ada.list_users()


def test_the_default_version_is_the_one_that_counts(iam, ada, aws_error):
    arn = iam.create_policy(PolicyName="p", PolicyDocument=LIST)["Policy"]["Arn"]
    iam.attach_user_policy(UserName="ada", PolicyArn=arn)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy("s3:*"))
    ada.list_users()
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
    with aws_error("AccessDenied"):
        ada.list_users()


def test_a_boundary_takes_away_but_gives_nothing(iam, ada, aws_error):
    arn = iam.create_policy(PolicyName="b", PolicyDocument=policy(["iam:ListUsers", "iam:ListRoles"]))["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName="ada", PermissionsBoundary=arn)
    with aws_error("AccessDenied"):
        ada.list_users()
    iam.put_user_policy(UserName="ada", PolicyName="p", PolicyDocument=LIST)
    ada.list_users()
    with aws_error("AccessDenied", "because no permissions boundary allows the iam:ListGroups action"):
        ada.list_groups()


def test_a_session_policy_narrows_a_roles_session(iam, sts, role, session, aws_error):
    whole = session(sts.assume_role(RoleArn=role, RoleSessionName="whole")["Credentials"])
    whole.create_group(GroupName="g")
    narrow = session(sts.assume_role(RoleArn=role, RoleSessionName="narrow", Policy=LIST)["Credentials"])
    narrow.list_groups()
    with aws_error("AccessDenied", "because no session policy allows the iam:CreateGroup action"):
        narrow.create_group(GroupName="h")


def test_a_managed_session_policy_counts_as_it_is_now(iam, sts, role, session, aws_error):
    arn = iam.create_policy(PolicyName="s", PolicyDocument=LIST)["Policy"]["Arn"]
    narrow = session(sts.assume_role(RoleArn=role, RoleSessionName="narrow", PolicyArns=[{"arn": arn}])["Credentials"])
    narrow.list_groups()
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy("s3:*"), SetAsDefault=True)
    with aws_error("AccessDenied"):
        narrow.list_groups()


def test_a_federated_user_has_what_its_maker_and_its_session_policy_share(world, iam, ada, session, aws_error):
    iam.put_user_policy(UserName="ada", PolicyName="p", PolicyDocument=policy(["logs:*", "s3:*", "sts:GetFederationToken"]))
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    sts = world.client("sts", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    both = sts.get_federation_token(Name="both", Policy=policy(["logs:DescribeLogGroups", "ec2:*"]))["Credentials"]
    none = sts.get_federation_token(Name="none")["Credentials"]

    def logs(credentials):
        return world.client(
            "logs", access_key=credentials["AccessKeyId"], secret=credentials["SecretAccessKey"], session_token=credentials["SessionToken"]
        )

    logs(both).describe_log_groups()
    with aws_error("AccessDeniedException", "because no session policy allows"):
        logs(both).create_log_group(logGroupName="g")
    with aws_error("AccessDeniedException"):
        logs(none).describe_log_groups()


def test_a_key_stops_with_its_user_and_a_session_with_its_roles_policies(iam, sts, role, session, aws_error):
    client = session(sts.assume_role(RoleArn=role, RoleSessionName="deploy")["Credentials"])
    client.list_users()
    iam.delete_role_policy(RoleName="r", PolicyName="p")
    with aws_error("AccessDenied"):
        client.list_users()


def test_a_user_may_assume_by_its_own_policy_or_by_being_named(world, iam, ada, aws_error):
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    sts = world.client("sts", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    by_account = iam.create_role(RoleName="a", AssumeRolePolicyDocument=trust({"AWS": ACCOUNT}))["Role"]["Arn"]
    named = trust({"AWS": "arn:aws:iam::000000000000:user/ada"})
    by_name = iam.create_role(RoleName="b", AssumeRolePolicyDocument=named)["Role"]["Arn"]
    sts.assume_role(RoleArn=by_name, RoleSessionName="deploy")
    with aws_error("AccessDenied"):
        sts.assume_role(RoleArn=by_account, RoleSessionName="deploy")
    iam.put_user_policy(UserName="ada", PolicyName="p", PolicyDocument=policy("sts:AssumeRole", by_account))
    sts.assume_role(RoleArn=by_account, RoleSessionName="deploy")


def test_the_last_use_of_keys_and_roles_is_known(world, iam, sts, role, session, ada):
    key = iam.list_access_keys(UserName="ada")["AccessKeyMetadata"][0]["AccessKeyId"]
    assert iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"]["ServiceName"] == "N/A"
    assert iam.get_role(RoleName="r")["Role"]["RoleLastUsed"] == {}
    iam.put_user_policy(UserName="ada", PolicyName="p", PolicyDocument=LIST)
    ada.list_users()
    session(sts.assume_role(RoleArn=role, RoleSessionName="deploy")["Credentials"]).list_users()
    used = iam.get_access_key_last_used(AccessKeyId=key)
    assert (used["UserName"], used["AccessKeyLastUsed"]["ServiceName"]) == ("ada", "iam")
    assert "LastUsedDate" in iam.get_role(RoleName="r")["Role"]["RoleLastUsed"]


def test_no_permission_is_needed_to_ask_who_one_is(world, iam, ada):
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    sts = world.client("sts", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    iam.put_user_policy(UserName="ada", PolicyName="deny", PolicyDocument=policy("*", effect="Deny"))
    assert json.dumps(sts.get_caller_identity()["Arn"])
    assert sts.get_session_token()["Credentials"]


def test_a_session_of_a_deleted_role_gets_nothing_of_its_namesakes(iam, sts, role, session, aws_error):
    client = session(sts.assume_role(RoleArn=role, RoleSessionName="deploy")["Credentials"])
    iam.delete_role_policy(RoleName="r", PolicyName="p")
    iam.delete_role(RoleName="r")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust({"AWS": ACCOUNT}))
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=policy("iam:*"))
    with aws_error("AccessDenied"):
        client.list_users()
