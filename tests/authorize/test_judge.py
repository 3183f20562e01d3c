"""The judge in front of every operation."""

from __future__ import annotations

import json

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from people import document


def refusal(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]


def test_a_user_without_policies_may_do_nothing_but_ask_who_it_is(person):
    ann = person("ann")
    ann.client("sts").get_caller_identity()
    said = refusal(ann.client("iam").list_users)
    assert said["Code"] == "AccessDenied"
    assert said["Message"] == (
        f"User: {ann.arn} is not authorized to perform: iam:ListUsers on resource: arn:aws:iam::000000000000:user/"
        " because no identity-based policy allows the iam:ListUsers action"
    )


def test_an_identity_policy_lets_in_what_it_names(world, person):
    s3 = world.client("s3")
    s3.create_bucket(Bucket="named")
    s3.put_object(Bucket="named", Key="open/a", Body=b"a")
    s3.put_object(Bucket="named", Key="shut/a", Body=b"a")
    ann = person("ann", {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::named/open/*"}).client("s3")
    assert ann.get_object(Bucket="named", Key="open/a")["Body"].read() == b"a"
    assert refusal(ann.get_object, Bucket="named", Key="shut/a")["Code"] == "AccessDenied"
    assert refusal(ann.put_object, Bucket="named", Key="open/b", Body=b"")["Code"] == "AccessDenied"


def test_a_change_of_policy_holds_for_the_next_call(person):
    ann = person("ann", {"Action": "iam:ListUsers"})
    iam = ann.client("iam")
    iam.list_users()
    ann.allow({"Action": "iam:ListUsers", "Effect": "Deny"})
    assert "with an explicit deny in an identity-based policy" in refusal(iam.list_users)["Message"]


def test_the_requested_region_is_that_of_the_call(person):
    ann = person("ann", {"Action": "logs:*", "Condition": {"StringEquals": {"AWS:REQUESTEDREGION": "eu-central-1"}}})
    ann.client("logs", region="eu-central-1").create_log_group(logGroupName="g")
    said = refusal(ann.client("logs", region="us-east-1").create_log_group, logGroupName="g")
    assert said["Code"] == "AccessDeniedException"


def test_a_condition_on_a_prefix_sees_the_request(world, person):
    world.client("s3").create_bucket(Bucket="prefixed")
    ann = person("ann", {"Action": "s3:ListBucket", "Condition": {"StringLike": {"s3:prefix": "home/ann/*"}}}).client("s3")
    ann.list_objects_v2(Bucket="prefixed", Prefix="home/ann/x")
    assert refusal(ann.list_objects_v2, Bucket="prefixed")["Code"] == "AccessDenied"


def test_tags_of_request_resource_and_caller_are_condition_keys(person):
    own = {"Action": "iam:*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}}
    make = {"Action": ["iam:CreateUser", "iam:TagUser"], "Condition": {"StringEquals": {"aws:RequestTag/team": "red"}}}
    ann = person("ann", own, make)
    ann.iam.tag_user(UserName="ann", Tags=[{"Key": "team", "Value": "red"}])
    iam = ann.client("iam")
    iam.create_user(UserName="bob", Tags=[{"Key": "team", "Value": "red"}])
    assert iam.get_user(UserName="bob")["User"]["UserName"] == "bob"
    assert refusal(iam.create_user, UserName="eve", Tags=[{"Key": "team", "Value": "blue"}])["Code"] == "AccessDenied"


def test_a_boundary_limits_what_a_user_may_do(person):
    ann = person("ann", {"Action": "iam:*"})
    arn = ann.iam.create_policy(PolicyName="edge", PolicyDocument=document({"Action": "iam:GetUser"}))["Policy"]["Arn"]
    ann.iam.put_user_permissions_boundary(UserName="ann", PermissionsBoundary=arn)
    iam = ann.client("iam")
    iam.get_user(UserName="ann")
    assert "because no permissions boundary allows the iam:ListUsers action" in refusal(iam.list_users)["Message"]


def trust(principal):
    return json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}})


def session_of(world, sts, arn, **options):
    given = sts.assume_role(RoleArn=arn, RoleSessionName="session", **options)["Credentials"]
    return {"access_key": given["AccessKeyId"], "secret": given["SecretAccessKey"], "session_token": given["SessionToken"]}


def test_a_role_session_has_the_roles_permissions_cut_by_its_session_policy(world, person):
    ann = person("ann", {"Action": "sts:AssumeRole"})
    role = ann.iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust({"AWS": "000000000000"}))["Role"]["Arn"]
    ann.iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document({"Action": "iam:*"}))
    plain = world.client("iam", **session_of(world, ann.client("sts"), role))
    plain.list_users()
    cut = world.client("iam", **session_of(world, ann.client("sts"), role, Policy=document({"Action": "iam:ListRoles"})))
    cut.list_roles()
    assert "because no session policy allows the iam:ListUsers action" in refusal(cut.list_users)["Message"]


def test_a_role_of_the_same_account_is_assumed_only_with_permission(person):
    ann, bob = person("ann"), person("bob", {"Action": "sts:AssumeRole"})
    role = ann.iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust({"AWS": "000000000000"}))["Role"]["Arn"]
    assert refusal(ann.client("sts").assume_role, RoleArn=role, RoleSessionName="session")["Code"] == "AccessDenied"
    bob.client("sts").assume_role(RoleArn=role, RoleSessionName="session")


def test_a_trust_policy_that_names_the_user_is_enough_in_one_account(person):
    ann = person("ann")
    role = ann.iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust({"AWS": ann.arn}))["Role"]["Arn"]
    ann.client("sts").assume_role(RoleArn=role, RoleSessionName="session")


def test_across_accounts_both_sides_must_allow(world, person):
    owner = world.client("s3", access_key="111122223333")
    owner.create_bucket(Bucket="shared")
    owner.put_object(Bucket="shared", Key="k", Body=b"v")
    ann, bob = person("ann", {"Action": "s3:*"}), person("bob")
    assert refusal(ann.client("s3").get_object, Bucket="shared", Key="k")["Code"] == "AccessDenied"
    statement = {"Action": "s3:GetObject", "Principal": {"AWS": [ann.arn, bob.arn]}, "Resource": "arn:aws:s3:::shared/*"}
    owner.put_bucket_policy(Bucket="shared", Policy=document(statement))
    assert ann.client("s3").get_object(Bucket="shared", Key="k")["Body"].read() == b"v"
    assert refusal(bob.client("s3").get_object, Bucket="shared", Key="k")["Code"] == "AccessDenied"


def test_a_bucket_policy_alone_is_enough_in_one_account(world, person):
    s3 = world.client("s3")
    s3.create_bucket(Bucket="inside")
    ann = person("ann")
    s3.put_bucket_policy(
        Bucket="inside", Policy=document({"Action": "s3:ListBucket", "Principal": {"AWS": ann.arn}, "Resource": "arn:aws:s3:::inside"})
    )
    ann.client("s3").list_objects_v2(Bucket="inside")


def test_a_bucket_policy_may_deny_the_root_user_who_can_still_mend_it(world):
    s3 = world.client("s3")
    s3.create_bucket(Bucket="locked")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::locked", "arn:aws:s3:::locked/*"]}
    s3.put_bucket_policy(Bucket="locked", Policy=document(deny))
    assert "explicit deny in a resource-based policy" in refusal(s3.list_objects_v2, Bucket="locked")["Message"]
    s3.delete_bucket_policy(Bucket="locked")
    s3.list_objects_v2(Bucket="locked")


def test_a_public_bucket_is_open_to_the_anonymous_and_no_other_is(world):
    s3, nobody = world.client("s3"), world.client("s3", config=Config(signature_version=UNSIGNED))
    s3.create_bucket(Bucket="public")
    s3.put_object(Bucket="public", Key="k", Body=b"v")
    assert refusal(nobody.get_object, Bucket="public", Key="k")["Code"] == "AccessDenied"
    policy = document({"Action": "s3:GetObject", "Principal": "*", "Resource": "arn:aws:s3:::public/*"})
    assert "BlockPublicPolicy" in refusal(s3.put_bucket_policy, Bucket="public", Policy=policy)["Message"]
    s3.delete_public_access_block(Bucket="public")
    s3.put_bucket_policy(Bucket="public", Policy=policy)
    assert nobody.get_object(Bucket="public", Key="k")["Body"].read() == b"v"
    assert refusal(nobody.put_object, Bucket="public", Key="k", Body=b"")["Code"] == "AccessDenied"


def test_passing_a_role_needs_permission_for_that_service(world, person):
    iam = world.client("iam")
    role = iam.create_role(RoleName="exec", AssumeRolePolicyDocument=trust({"Service": "lambda.amazonaws.com"}))["Role"]["Arn"]
    create = {
        "FunctionName": "f",
        "Runtime": "provided.al2023",
        "Handler": "h",
        "Role": role,
        "Code": {"ZipFile": b"not a zip"},
    }
    ann = person("ann", {"Action": "lambda:*"})
    said = refusal(ann.client("lambda").create_function, **create)
    assert (said["Code"], "iam:PassRole" in said["Message"]) == ("AccessDeniedException", True)
    passing = {"Action": "iam:PassRole", "Resource": role, "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}}
    ann.allow({"Action": "lambda:*"}, passing)
    assert "iam:PassRole" in refusal(ann.client("lambda").create_function, **create)["Message"]
    passing["Condition"]["StringEquals"]["iam:PassedToService"] = "lambda.amazonaws.com"
    ann.allow({"Action": "lambda:*"}, passing)
    assert refusal(ann.client("lambda").create_function, **create)["Code"] == "InvalidParameterValueException"


def test_a_version_of_an_object_is_its_own_permission(world, person):
    s3 = world.client("s3")
    s3.create_bucket(Bucket="versions")
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket="versions", Key="k", Body=b"v")["VersionId"]
    ann = person("ann", {"Action": "s3:GetObject"}).client("s3")
    ann.get_object(Bucket="versions", Key="k")
    assert "s3:GetObjectVersion" in refusal(ann.get_object, Bucket="versions", Key="k", VersionId=version)["Message"]


def test_a_denied_call_changes_nothing(world, person):
    refusal(person("ann").client("iam").create_user, UserName="eve")
    assert [user["UserName"] for user in world.client("iam").list_users()["Users"]] == ["ann"]


def test_buckets_that_are_not_there_are_not_there_for_everybody(person):
    assert refusal(person("ann").client("s3").list_objects_v2, Bucket="nowhere-at-all")["Code"] == "NoSuchBucket"


def test_a_copy_needs_to_read_the_one_and_to_write_the_other(world, person):
    s3 = world.client("s3")
    s3.create_bucket(Bucket="from-here")
    s3.create_bucket(Bucket="to-there")
    s3.put_object(Bucket="from-here", Key="k", Body=b"v")
    write = {"Action": "s3:PutObject", "Resource": "arn:aws:s3:::to-there/*"}
    ann = person("ann", write)
    copy = {"Bucket": "to-there", "Key": "k", "CopySource": "from-here/k"}
    assert "s3:GetObject on resource" in refusal(ann.client("s3").copy_object, **copy)["Message"]
    ann.allow(write, {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::from-here/*"})
    ann.client("s3").copy_object(**copy)


def test_deleting_many_leaves_out_what_the_caller_may_not_delete(world, person):
    s3 = world.client("s3")
    s3.create_bucket(Bucket="many-keys")
    for key in ("mine/a", "mine/b", "other"):
        s3.put_object(Bucket="many-keys", Key=key, Body=b"v")
    ann = person("ann", {"Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::many-keys/mine/*"}).client("s3")
    said = ann.delete_objects(Bucket="many-keys", Delete={"Objects": [{"Key": "mine/a"}, {"Key": "other"}, {"Key": "mine/b"}]})
    assert [each["Key"] for each in said["Deleted"]] == ["mine/a", "mine/b"]
    (error,) = said["Errors"]
    assert (error["Key"], error["Code"]) == ("other", "AccessDenied")
    assert 's3:DeleteObject on resource: "arn:aws:s3:::many-keys/other" because no identity-based policy' in error["Message"]
    assert [each["Key"] for each in s3.list_objects_v2(Bucket="many-keys")["Contents"]] == ["other"]


def test_deleting_many_asks_for_versions_as_versions(world, person):
    s3 = world.client("s3")
    s3.create_bucket(Bucket="many-keys")
    s3.put_bucket_versioning(Bucket="many-keys", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket="many-keys", Key="a", Body=b"v")["VersionId"]
    ann = person("ann", {"Action": "s3:DeleteObject"})
    wanted = {"Objects": [{"Key": "a", "VersionId": version}]}
    (error,) = ann.client("s3").delete_objects(Bucket="many-keys", Delete=wanted)["Errors"]
    assert (error["VersionId"], error["Code"]) == (version, "AccessDenied")
    ann.allow({"Action": "s3:DeleteObjectVersion", "Condition": {"StringEquals": {"s3:VersionId": version}}})
    (done,) = ann.client("s3").delete_objects(Bucket="many-keys", Delete=wanted)["Deleted"]
    assert done["VersionId"] == version


def test_deleting_many_asks_nothing_of_a_root_user_without_a_bucket_policy(world, person):
    s3 = world.client("s3")
    s3.create_bucket(Bucket="many-keys")
    assert "Errors" not in s3.delete_objects(Bucket="many-keys", Delete={"Objects": [{"Key": "a"}]})
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::many-keys/kept"}
    s3.put_bucket_policy(Bucket="many-keys", Policy=document(deny))
    said = s3.delete_objects(Bucket="many-keys", Delete={"Objects": [{"Key": "a"}, {"Key": "kept"}]})
    assert ([each["Key"] for each in said["Deleted"]], [each["Key"] for each in said["Errors"]]) == (["a"], ["kept"])


def test_bypassing_governance_is_asked_for_each_version(world, person):
    s3 = world.client("s3")
    s3.create_bucket(Bucket="many-keys", ObjectLockEnabledForBucket=True)
    locked = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": "2999-01-01T00:00:00Z"}
    versions = [s3.put_object(Bucket="many-keys", Key=key, Body=b"v", **locked)["VersionId"] for key in ("a", "b")]
    ann = person(
        "ann",
        {"Action": "s3:DeleteObjectVersion"},
        {"Action": "s3:BypassGovernanceRetention", "Resource": "arn:aws:s3:::many-keys/a"},
    ).client("s3")
    wanted = {"Objects": [{"Key": key, "VersionId": version} for key, version in zip(("a", "b"), versions, strict=True)]}
    said = ann.delete_objects(Bucket="many-keys", Delete=wanted, BypassGovernanceRetention=True)
    assert ([each["Key"] for each in said["Deleted"]], [each["Key"] for each in said["Errors"]]) == (["a"], ["b"])
    assert said["Errors"][0]["Code"] == "AccessDenied"


def test_s3_gives_its_reasons_to_nobody_from_another_organization(world, person):
    world.client("s3", access_key="111111111111").create_bucket(Bucket="of-another")
    bob = person("bob", {"Action": "s3:*"}).client("s3")
    assert refusal(bob.list_objects_v2, Bucket="of-another")["Message"] == "Access Denied"


def test_the_tags_of_an_object_are_a_condition_key(world, person):
    s3 = world.client("s3")
    s3.create_bucket(Bucket="tagged")
    for key, color in (("a", "red"), ("b", "blue")):
        s3.put_object(Bucket="tagged", Key=key, Body=b"v", Tagging=f"color={color}")
    condition = {"StringEquals": {"s3:ExistingObjectTag/color": "red"}}
    ann = person("ann", {"Action": "s3:GetObject", "Condition": condition}).client("s3")
    assert ann.get_object(Bucket="tagged", Key="a")["Body"].read() == b"v"
    assert refusal(ann.get_object, Bucket="tagged", Key="b")["Code"] == "AccessDenied"


def test_the_organization_of_a_services_resource_is_a_condition_key(world):
    organization = world.client("organizations").create_organization(FeatureSet="ALL")["Organization"]["Id"]
    sqs, sns = world.client("sqs"), world.client("sns")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:000000000000:q"
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    for wanted, heard in ((f"{organization}x", False), (organization, True)):
        statement = {
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {
                "StringEquals": {"aws:SourceOrgID": wanted},
                "ForAnyValue:StringLike": {"aws:SourceOrgPaths": f"{organization}/*"},
            },
        }
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(statement)})
        sns.publish(TopicArn=topic, Message="hello")
        world.settle()
        assert ("Messages" in sqs.receive_message(QueueUrl=url)) == heard


def test_a_list_may_be_allowed_under_a_path(world, person):
    world.client("iam").create_user(UserName="eva", Path="/team/")
    lister = person("ann", {"Action": "iam:ListUsers", "Resource": "arn:aws:iam::000000000000:user/team/*"}).client("iam")
    assert [user["UserName"] for user in lister.list_users(PathPrefix="/team/")["Users"]] == ["eva"]
    assert refusal(lister.list_users)["Code"] == "AccessDenied"


@pytest.mark.parametrize(
    ("request_", "action"),
    [({"Tags": [{"Key": "team", "Value": "red"}]}, "sts:TagSession"), ({"SourceIdentity": "ann"}, "sts:SetSourceIdentity")],
)
def test_what_a_session_is_labelled_with_wants_an_action_on_both_sides(world, person, request_, action):
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": "000000000000"},
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
    }
    role = world.client("iam").create_role(
        RoleName="r", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    ann = person("ann", {"Action": "sts:AssumeRole"})
    ann.client("sts").assume_role(RoleArn=role, RoleSessionName="job")
    said = refusal(ann.client("sts").assume_role, RoleArn=role, RoleSessionName="job", **request_)
    assert said["Message"].endswith(f"{action} on resource: {role} because no identity-based policy allows the {action} action")
    ann.allow({"Action": ["sts:AssumeRole", action]})
    ann.client("sts").assume_role(RoleArn=role, RoleSessionName="job", **request_)
