"""Managed and inline policies, versions and attachments."""

import json

import pytest
from iam_documents import BASIC, LAMBDA, READ_ONLY, policy


@pytest.fixture
def arn(iam):
    return iam.create_policy(PolicyName="p", Path="/team/", PolicyDocument=policy(), Description="d")["Policy"]["Arn"]


def test_a_policy_starts_with_its_first_version(iam, arn):
    found = iam.get_policy(PolicyArn=arn)["Policy"]
    assert arn == "arn:aws:iam::000000000000:policy/team/p"
    assert (found["DefaultVersionId"], found["AttachmentCount"], found["IsAttachable"], found["Description"]) == ("v1", 0, True, "d")
    version = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    assert version["Document"] == json.loads(policy()) and version["IsDefaultVersion"]


def test_versions_count_on_and_the_default_moves(iam, arn, aws_error):
    for _ in range(4):
        last = iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy("ec2:*"))["PolicyVersion"]
    assert last["VersionId"] == "v5" and not last["IsDefaultVersion"]
    with aws_error("LimitExceeded", "A managed policy can have up to 5 versions."):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy())
    iam.delete_policy_version(PolicyArn=arn, VersionId="v5")
    # A version's number is never used again.
    assert iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(), SetAsDefault=True)["PolicyVersion"]["VersionId"] == "v6"
    with aws_error("DeleteConflict", "Cannot delete the default version of a policy."):
        iam.delete_policy_version(PolicyArn=arn, VersionId="v6")
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v1"
    with aws_error("DeleteConflict", "This policy has more than one version."):
        iam.delete_policy(PolicyArn=arn)


def test_awss_policies_have_their_real_documents(iam):
    found = iam.get_policy(PolicyArn=BASIC)["Policy"]
    document = iam.get_policy_version(PolicyArn=BASIC, VersionId=found["DefaultVersionId"])["PolicyVersion"]["Document"]
    assert "logs:PutLogEvents" in document["Statement"][0]["Action"]


def test_awss_policies_cannot_be_changed(iam, aws_error):
    with aws_error("AccessDenied"):
        iam.delete_policy(PolicyArn=BASIC)


def test_a_policy_that_is_not_there_cannot_be_attached(iam, aws_error):
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA)
    missing = "arn:aws:iam::aws:policy/NoSuchPolicy"
    with aws_error("NoSuchEntity", f"Policy {missing} does not exist or is not attachable."):
        iam.attach_role_policy(RoleName="r", PolicyArn=missing)


def test_attachments_are_counted_listed_and_block_deletion(iam, arn, aws_error):
    iam.create_user(UserName="u")
    iam.create_group(GroupName="g")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA)
    iam.attach_user_policy(UserName="u", PolicyArn=arn)
    iam.attach_user_policy(UserName="u", PolicyArn=arn)
    iam.attach_group_policy(GroupName="g", PolicyArn=arn)
    iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 3
    entities = iam.list_entities_for_policy(PolicyArn=arn)
    assert [entities[f"Policy{kind}s"][0][f"{kind}Name"] for kind in ("User", "Group", "Role")] == ["u", "g", "r"]
    assert iam.list_entities_for_policy(PolicyArn=arn, EntityFilter="Role")["PolicyUsers"] == []
    with aws_error("DeleteConflict", "Cannot delete a policy attached to entities."):
        iam.delete_policy(PolicyArn=arn)


def test_ten_policies_can_be_attached(iam, aws_error):
    iam.create_user(UserName="u")
    for number in range(11):
        arn = iam.create_policy(PolicyName=f"p{number}", PolicyDocument=policy())["Policy"]["Arn"]
        if number < 10:
            iam.attach_user_policy(UserName="u", PolicyArn=arn)
    with aws_error("LimitExceeded", "Cannot exceed quota for PoliciesPerUser: 10"):
        iam.attach_user_policy(UserName="u", PolicyArn=arn)
    assert len(iam.list_attached_user_policies(UserName="u")["AttachedPolicies"]) == 10


def test_local_and_attached_policies_can_be_listed_alone(iam, arn):
    iam.create_user(UserName="u")
    iam.attach_user_policy(UserName="u", PolicyArn=READ_ONLY)
    assert [found["Arn"] for found in iam.list_policies(Scope="Local")["Policies"]] == [arn]
    assert [found["Arn"] for found in iam.list_policies(OnlyAttached=True)["Policies"]] == [READ_ONLY]


def test_all_pages_of_policies_make_the_whole_list(iam, arn):
    def listed(size):
        pages = iam.get_paginator("list_policies").paginate(PaginationConfig={"PageSize": size})
        return [item["Arn"] for page in pages for item in page["Policies"]]

    found = listed(300)
    assert len(found) == len(set(found))
    assert found == listed(1000)
    assert arn in found


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "This policy contains invalid Json"),
        ("{}", "Syntax errors in policy."),
        (policy(effect="Maybe"), "Syntax errors in policy."),
        (policy(action="everything"), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
        (policy(resource="my-bucket"), 'Resource my-bucket must be in ARN format or "*".'),
    ],
)
def test_a_malformed_document_is_refused_with_awss_words(iam, aws_error, document, message):
    with aws_error("MalformedPolicyDocument", message):
        iam.create_policy(PolicyName="p", PolicyDocument=document)
    iam.create_user(UserName="u")
    with aws_error("MalformedPolicyDocument", message):
        iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=document)


def test_inline_policies_share_their_owners_quota(iam, aws_error):
    iam.create_user(UserName="u")
    large = policy(resource=[f"arn:aws:s3:::bucket-{number}/*" for number in range(45)])
    iam.put_user_policy(UserName="u", PolicyName="one", PolicyDocument=large)
    iam.put_user_policy(UserName="u", PolicyName="one", PolicyDocument=large)
    with aws_error("LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user u"):
        iam.put_user_policy(UserName="u", PolicyName="two", PolicyDocument=large)


def test_white_space_does_not_count(iam):
    padded = policy().replace(" ", " " * 2000)
    iam.create_policy(PolicyName="p", PolicyDocument=padded)


def test_an_inline_policy_comes_and_goes(iam, aws_error):
    iam.create_group(GroupName="g")
    iam.put_group_policy(GroupName="g", PolicyName="p", PolicyDocument=policy())
    assert iam.get_group_policy(GroupName="g", PolicyName="p")["PolicyDocument"] == json.loads(policy())
    iam.delete_group_policy(GroupName="g", PolicyName="p")
    with aws_error("NoSuchEntity", "The group policy with name p cannot be found."):
        iam.get_group_policy(GroupName="g", PolicyName="p")


def test_a_duplicate_policy_name_is_refused(iam, arn, aws_error):
    with aws_error("EntityAlreadyExists", "A policy called P already exists. Duplicate names are not allowed."):
        iam.create_policy(PolicyName="P", PolicyDocument=policy())


def test_the_keys_that_policies_mention_are_named(iam):
    document = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Action": "s3:*",
                "Resource": "arn:aws:s3:::b/${aws:username}/*",
                "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}},
            },
        }
    )
    assert iam.get_context_keys_for_custom_policy(PolicyInputList=[document])["ContextKeyNames"] == ["aws:RequestedRegion", "aws:username"]
    iam.create_user(UserName="u")
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=document)
    arn = iam.get_user(UserName="u")["User"]["Arn"]
    assert len(iam.get_context_keys_for_principal_policy(PolicySourceArn=arn)["ContextKeyNames"]) == 2
