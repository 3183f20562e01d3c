"""Users, their keys and their groups."""

import pytest
from botocore.exceptions import ClientError
from iam_documents import policy


def test_a_user_has_an_id_an_arn_and_a_whole_second_of_birth(iam):
    user = iam.create_user(UserName="ada", Path="/eng/", Tags=[{"Key": "team", "Value": "a"}])["User"]
    assert user["Arn"] == "arn:aws:iam::000000000000:user/eng/ada"
    assert user["UserId"].startswith("AIDA") and len(user["UserId"]) == 21
    assert user["CreateDate"].microsecond == 0
    assert iam.get_user(UserName="ada")["User"] == user


def test_an_unknown_user_is_named_in_the_error(iam):
    with pytest.raises(ClientError) as caught:
        iam.get_user(UserName="nobody")
    assert caught.value.response["Error"]["Code"] == "NoSuchEntity"
    assert caught.value.response["Error"]["Message"] == "The user with name nobody cannot be found."
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_renamed_user_keeps_keys_groups_policies_and_tags(world, iam):
    iam.create_user(UserName="old", Tags=[{"Key": "team", "Value": "a"}])
    key = iam.create_access_key(UserName="old")["AccessKey"]
    iam.create_group(GroupName="g")
    iam.add_user_to_group(GroupName="g", UserName="old")
    iam.put_user_policy(UserName="old", PolicyName="p", PolicyDocument=policy())
    iam.update_user(UserName="old", NewUserName="new", NewPath="/x/")
    assert iam.list_access_keys(UserName="new")["AccessKeyMetadata"][0]["AccessKeyId"] == key["AccessKeyId"]
    assert [group["GroupName"] for group in iam.list_groups_for_user(UserName="new")["Groups"]] == ["g"]
    assert iam.list_user_policies(UserName="new")["PolicyNames"] == ["p"]
    assert iam.list_user_tags(UserName="new")["Tags"] == [{"Key": "team", "Value": "a"}]
    sts = world.client("sts", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert sts.get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:user/x/new"


def test_an_issued_key_makes_its_user_the_caller(world, iam):
    user = iam.create_user(UserName="ada")["User"]
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    assert key["AccessKeyId"].startswith("AKIA") and len(key["AccessKeyId"]) == 20 and len(key["SecretAccessKey"]) == 40
    identity = world.client("sts", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"]).get_caller_identity()
    assert (identity["Arn"], identity["UserId"]) == (user["Arn"], user["UserId"])


def test_an_inactive_key_is_refused(world, iam, aws_error):
    iam.create_user(UserName="ada")
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    iam.update_access_key(UserName="ada", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    with aws_error("InvalidClientTokenId"):
        world.client("sts", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"]).get_caller_identity()


def test_a_user_has_two_keys_at_most(iam, aws_error):
    iam.create_user(UserName="ada")
    for _ in range(2):
        iam.create_access_key(UserName="ada")
    with aws_error("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2"):
        iam.create_access_key(UserName="ada")


def test_a_user_who_names_none_means_himself(world, iam):
    iam.create_user(UserName="ada")
    iam.attach_user_policy(UserName="ada", PolicyArn="arn:aws:iam::aws:policy/IAMFullAccess")
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    own = world.client("iam", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert own.get_user()["User"]["UserName"] == "ada"
    assert [found["AccessKeyId"] for found in own.list_access_keys()["AccessKeyMetadata"]] == [key["AccessKeyId"]]


def test_one_account_does_not_see_another_ones_users(world, iam, aws_error):
    iam.create_user(UserName="ada")
    with aws_error("NoSuchEntity"):
        world.client("iam", access_key="111122223333").get_user(UserName="ada")


def test_a_deleted_user_leaves_no_tags_to_its_namesake(iam):
    iam.create_user(UserName="u", Tags=[{"Key": "k", "Value": "v"}])
    iam.delete_user(UserName="u")
    iam.create_user(UserName="u")
    assert iam.list_user_tags(UserName="u")["Tags"] == []


def test_lists_come_in_pages_and_under_paths(iam):
    for number in range(7):
        iam.create_user(UserName=f"u{number}", Path="/a/" if number < 5 else "/b/")
    first = iam.list_users(PathPrefix="/a/", MaxItems=3)
    assert first["IsTruncated"] and len(first["Users"]) == 3
    rest = iam.list_users(PathPrefix="/a/", MaxItems=3, Marker=first["Marker"])
    assert not rest["IsTruncated"] and [user["UserName"] for user in rest["Users"]] == ["u3", "u4"]


def test_a_marker_that_no_page_gave_is_refused(iam, aws_error):
    with aws_error("ValidationError"):
        iam.list_users(Marker="no such marker")


def test_a_group_lists_its_members_and_is_not_deleted_with_them(iam, aws_error):
    iam.create_group(GroupName="g")
    for name in ("b", "a"):
        iam.create_user(UserName=name)
        iam.add_user_to_group(GroupName="g", UserName=name)
    assert [user["UserName"] for user in iam.get_group(GroupName="g")["Users"]] == ["a", "b"]
    with aws_error("DeleteConflict"):
        iam.delete_group(GroupName="g")
    for name in ("a", "b"):
        iam.remove_user_from_group(GroupName="g", UserName=name)
    iam.delete_group(GroupName="g")


def test_tag_keys_compare_without_case(iam, aws_error):
    iam.create_user(UserName="u", Tags=[{"Key": "Team", "Value": "a"}])
    iam.tag_user(UserName="u", Tags=[{"Key": "team", "Value": "b"}])
    assert iam.list_user_tags(UserName="u")["Tags"] == [{"Key": "team", "Value": "b"}]
    with aws_error("InvalidInput", "Duplicate tag keys found."):
        iam.tag_user(UserName="u", Tags=[{"Key": "x", "Value": "1"}, {"Key": "X", "Value": "2"}])


def test_the_root_gets_itself(iam):
    assert iam.get_user()["User"]["Arn"] == "arn:aws:iam::000000000000:root"
