"""Roles, their trust and their instance profiles."""

import pytest
from iam_documents import BASIC, LAMBDA, policy, trust


def test_a_role_keeps_its_trust_policy_as_it_was_sent(iam):
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA, Description="for % and +", MaxSessionDuration=7200)["Role"]
    assert role["Arn"] == "arn:aws:iam::000000000000:role/r" and role["RoleId"].startswith("AROA")
    found = iam.get_role(RoleName="r")["Role"]
    assert found["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert (found["Description"], found["MaxSessionDuration"]) == ("for % and +", 7200)


def test_documents_are_percent_encoded_on_the_wire(world, iam):
    document = policy(resource="arn:aws:s3:::a+b/100%25/*")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA)
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document)
    assert iam.get_role_policy(RoleName="r", PolicyName="p")["PolicyDocument"]["Statement"][0]["Resource"] == "arn:aws:s3:::a+b/100%25/*"


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        policy(),
        trust({"Service": "lambda.amazonaws.com"}, action="s3:GetObject"),
        trust({"AWS": "arn:aws:iam::000000000000:role/not-there"}),
        trust({"AWS": "arn:aws:iam::111122223333:user/not-there"}),
        trust({"Nobody": "x"}),
        trust({"Service": "lambda.amazonaws.com"}).replace("2012-10-17", "2013-01-01"),
    ],
)
def test_a_trust_policy_that_is_none_is_refused(iam, aws_error, document):
    with aws_error("MalformedPolicyDocument"):
        iam.create_role(RoleName="r", AssumeRolePolicyDocument=document)
    with aws_error("NoSuchEntity"):
        iam.get_role(RoleName="r")


def test_a_role_may_trust_users_and_roles_that_exist(iam):
    user = iam.create_user(UserName="u")["User"]["Arn"]
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust({"AWS": [user, "arn:aws:iam::444455556666:root", "777788889999"]}))


def test_a_role_with_policies_or_profiles_is_not_deleted(iam, aws_error):
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA)
    iam.attach_role_policy(RoleName="r", PolicyArn=BASIC)
    with aws_error("DeleteConflict", "Cannot delete entity, must detach all policies first."):
        iam.delete_role(RoleName="r")
    iam.detach_role_policy(RoleName="r", PolicyArn=BASIC)
    iam.create_instance_profile(InstanceProfileName="ip")
    iam.add_role_to_instance_profile(InstanceProfileName="ip", RoleName="r")
    with aws_error("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first."):
        iam.delete_role(RoleName="r")
    iam.remove_role_from_instance_profile(InstanceProfileName="ip", RoleName="r")
    iam.delete_role(RoleName="r")
    with aws_error("NoSuchEntity", "The role with name r cannot be found."):
        iam.get_role(RoleName="r")


def test_an_instance_profile_holds_one_role(iam, aws_error):
    for name in ("a", "b"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=LAMBDA)
    iam.create_instance_profile(InstanceProfileName="ip", Path="/p/")
    iam.add_role_to_instance_profile(InstanceProfileName="ip", RoleName="a")
    with aws_error("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"):
        iam.add_role_to_instance_profile(InstanceProfileName="ip", RoleName="b")
    profile = iam.get_instance_profile(InstanceProfileName="ip")["InstanceProfile"]
    assert profile["InstanceProfileId"].startswith("AIPA")
    assert profile["Arn"] == "arn:aws:iam::000000000000:instance-profile/p/ip"
    assert [role["RoleName"] for role in profile["Roles"]] == ["a"]
    assert len(iam.list_instance_profiles_for_role(RoleName="a")["InstanceProfiles"]) == 1
    with aws_error("DeleteConflict"):
        iam.delete_instance_profile(InstanceProfileName="ip")


def test_boundaries_are_counted_and_block_the_policys_deletion(iam, aws_error):
    arn = iam.create_policy(PolicyName="b", PolicyDocument=policy())["Policy"]["Arn"]
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA, PermissionsBoundary=arn)
    assert iam.get_role(RoleName="r")["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn
    assert iam.get_policy(PolicyArn=arn)["Policy"]["PermissionsBoundaryUsageCount"] == 1
    with aws_error("DeleteConflict", "Cannot delete a policy attached to entities."):
        iam.delete_policy(PolicyArn=arn)
    iam.delete_role_permissions_boundary(RoleName="r")
    iam.delete_policy(PolicyArn=arn)


def test_a_service_linked_role_is_the_services_alone(world, iam, aws_error):
    role = iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com", CustomSuffix="blue")["Role"]
    assert role["Arn"] == "arn:aws:iam::000000000000:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling_blue"
    with aws_error("UnmodifiableEntity"):
        iam.attach_role_policy(RoleName=role["RoleName"], PolicyArn=BASIC)
    with aws_error("UnmodifiableEntity"):
        iam.delete_role(RoleName=role["RoleName"])
    task = iam.delete_service_linked_role(RoleName=role["RoleName"])["DeletionTaskId"]
    world.clock.advance(seconds=5)
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"
    with aws_error("NoSuchEntity"):
        iam.get_role(RoleName=role["RoleName"])


def test_a_deleted_users_namesake_is_not_trusted(world, iam, aws_error):
    def key():
        made = iam.create_access_key(UserName="u")["AccessKey"]
        return world.client("sts", access_key=made["AccessKeyId"], secret=made["SecretAccessKey"]), made["AccessKeyId"]

    user = iam.create_user(UserName="u")["User"]
    other = world.client("iam", access_key="111122223333")
    arn = other.create_role(RoleName="r", AssumeRolePolicyDocument=trust({"AWS": [user["Arn"], "444455556666"]}))["Role"]["Arn"]
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=policy("sts:*"))
    sts, key_id = key()
    sts.assume_role(RoleArn=arn, RoleSessionName="deploy")
    iam.delete_user_policy(UserName="u", PolicyName="p")
    iam.delete_access_key(UserName="u", AccessKeyId=key_id)
    iam.delete_user(UserName="u")
    principal = other.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
    assert principal == {"AWS": [user["UserId"], "444455556666"]}
    iam.create_user(UserName="u")
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=policy("sts:*"))
    with aws_error("AccessDenied"):
        key()[0].assume_role(RoleArn=arn, RoleSessionName="deploy")


def test_a_renamed_user_is_still_trusted(iam):
    arn = iam.create_user(UserName="old")["User"]["Arn"]
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust({"AWS": arn}))
    iam.update_user(UserName="old", NewUserName="new")
    found = iam.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"]
    assert found == "arn:aws:iam::000000000000:user/new"
