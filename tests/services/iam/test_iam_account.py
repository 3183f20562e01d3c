"""The account: summary, details, reports, aliases, passwords."""

import csv

from iam_documents import BASIC, LAMBDA, policy


def test_the_summary_counts(iam):
    before = iam.get_account_summary()["SummaryMap"]
    iam.create_user(UserName="u")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA)
    iam.create_policy(PolicyName="p", PolicyDocument=policy())
    after = iam.get_account_summary()["SummaryMap"]
    assert {name: after[name] - before[name] for name in ("Users", "Roles", "Policies", "PolicyVersionsInUse", "Groups")} == {
        "Users": 1,
        "Roles": 1,
        "Policies": 1,
        "PolicyVersionsInUse": 1,
        "Groups": 0,
    }
    assert after["AttachedPoliciesPerRoleQuota"] == 10


def test_the_details_hold_everything_once_over_all_pages(iam):
    iam.create_group(GroupName="g")
    for name in ("a", "b"):
        iam.create_user(UserName=name)
        iam.add_user_to_group(GroupName="g", UserName=name)
    iam.put_user_policy(UserName="a", PolicyName="own", PolicyDocument=policy())
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA)
    iam.attach_role_policy(RoleName="r", PolicyArn=BASIC)
    pages = list(iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 2}))
    assert len(pages) == 3
    users = {user["UserName"]: user for page in pages for user in page["UserDetailList"]}
    assert users["a"]["GroupList"] == ["g"] and users["a"]["UserPolicyList"][0]["PolicyDocument"]["Version"] == "2012-10-17"
    roles = [role for page in pages for role in page["RoleDetailList"]]
    assert roles[0]["AttachedManagedPolicies"][0]["PolicyArn"] == BASIC
    policies = [found for page in pages for found in page["Policies"]]
    assert [found["Arn"] for found in policies] == [BASIC] and policies[0]["AttachmentCount"] == 1


def test_the_details_can_be_filtered(iam):
    iam.create_user(UserName="a")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA)
    found = iam.get_account_authorization_details(Filter=["Role"])
    assert found["UserDetailList"] == [] and len(found["RoleDetailList"]) == 1


def test_a_credential_report_has_a_line_for_each_user(world, iam, aws_error):
    with aws_error("ReportNotPresent"):
        iam.get_credential_report()
    iam.create_user(UserName="ada")
    iam.create_login_profile(UserName="ada", Password="Secret-123")
    iam.create_access_key(UserName="ada")
    assert iam.generate_credential_report()["State"] == "STARTED"
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    lines = list(csv.DictReader(iam.get_credential_report()["Content"].decode().splitlines()))
    assert [line["user"] for line in lines] == ["<root_account>", "ada"]
    assert None not in lines[0] and None not in lines[0].values() and None not in lines[1].values()
    yes = {name for name in ("password_enabled", "access_key_1_active", "access_key_2_active", "mfa_active") if lines[1][name] == "true"}
    assert yes == {"password_enabled", "access_key_1_active"}
    world.clock.advance(hours=5)
    with aws_error("ReportExpired"):
        iam.get_credential_report()


def test_an_alias_belongs_to_one_account(world, iam, aws_error):
    iam.create_account_alias(AccountAlias="acme")
    with aws_error("EntityAlreadyExists", "The account alias acme already exists."):
        world.client("iam", access_key="111122223333").create_account_alias(AccountAlias="acme")
    iam.create_account_alias(AccountAlias="acme-2")
    assert iam.list_account_aliases()["AccountAliases"] == ["acme-2"]
    iam.delete_account_alias(AccountAlias="acme-2")
    with aws_error("NoSuchEntity"):
        iam.delete_account_alias(AccountAlias="acme-2")


def test_passwords_keep_the_accounts_policy(iam, aws_error):
    with aws_error("NoSuchEntity", "The Password Policy with domain name 000000000000 cannot be found."):
        iam.get_account_password_policy()
    iam.update_account_password_policy(MinimumPasswordLength=12, RequireNumbers=True, MaxPasswordAge=90, PasswordReusePrevention=2)
    found = iam.get_account_password_policy()["PasswordPolicy"]
    assert (found["MinimumPasswordLength"], found["ExpirePasswords"], found["RequireSymbols"]) == (12, True, False)
    iam.create_user(UserName="u")
    with aws_error("PasswordPolicyViolation", "minimum length of 12"):
        iam.create_login_profile(UserName="u", Password="short1")
    with aws_error("PasswordPolicyViolation", "at least one number"):
        iam.create_login_profile(UserName="u", Password="long enough but plain")
    iam.create_login_profile(UserName="u", Password="long enough number 1")
    with aws_error("PasswordPolicyViolation", "used before"):
        iam.update_login_profile(UserName="u", Password="long enough number 1")
    iam.update_login_profile(UserName="u", Password="long enough number 2")
    iam.delete_account_password_policy()


def test_a_user_changes_the_own_password_knowing_the_old_one(world, iam, aws_error):
    iam.create_user(UserName="u")
    iam.attach_user_policy(UserName="u", PolicyArn="arn:aws:iam::aws:policy/IAMFullAccess")
    iam.create_login_profile(UserName="u", Password="Secret-123", PasswordResetRequired=True)
    key = iam.create_access_key(UserName="u")["AccessKey"]
    own = world.client("iam", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    with aws_error("AccessDenied"):
        own.change_password(OldPassword="wrong-One1", NewPassword="Secret-456")
    own.change_password(OldPassword="Secret-123", NewPassword="Secret-456")
    assert iam.get_login_profile(UserName="u")["LoginProfile"]["PasswordResetRequired"] is False
    own.change_password(OldPassword="Secret-456", NewPassword="Secret-789")
