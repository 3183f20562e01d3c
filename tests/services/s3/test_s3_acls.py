from __future__ import annotations

import urllib.error
import urllib.request

import pytest


@pytest.fixture
def listed(s3):
    """A bucket that takes lists, public ones too."""
    s3.create_bucket(Bucket="listed", ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket="listed")
    return "listed"


@pytest.fixture
def other(world):
    return world.client("s3", access_key="111122223333")


def status(world, path):
    try:
        return urllib.request.urlopen(f"{world.endpoint}/{path}").status
    except urllib.error.HTTPError as error:
        return error.code


def permissions(answer):
    return {(grant["Grantee"].get("URI", "").rpartition("/")[2] or "user", grant["Permission"]) for grant in answer["Grants"]}


def test_lists_are_off_by_default(s3, bucket, aws_error):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", ACL="bucket-owner-full-control")
    with aws_error("AccessControlListNotSupported"):
        s3.put_object(Bucket=bucket, Key="a", Body=b"x", ACL="public-read")
    with aws_error("AccessControlListNotSupported"):
        s3.put_bucket_acl(Bucket=bucket, ACL="private")
    with aws_error("AccessControlListNotSupported"):
        s3.put_object_acl(Bucket=bucket, Key="a", ACL="public-read")
    with aws_error("InvalidBucketAclWithObjectOwnership"):
        s3.create_bucket(Bucket="public", ACL="public-read")


def test_a_public_object_is_read_by_everybody_and_a_private_one_by_nobody_else(world, s3, listed):
    s3.put_object(Bucket=listed, Key="open", Body=b"x", ACL="public-read")
    s3.put_object(Bucket=listed, Key="shut", Body=b"x")
    assert status(world, f"{listed}/open") == 200
    assert status(world, f"{listed}/shut") == 403
    assert permissions(s3.get_object_acl(Bucket=listed, Key="open")) == {("user", "FULL_CONTROL"), ("AllUsers", "READ")}
    s3.put_object_acl(Bucket=listed, Key="open", ACL="private")
    assert status(world, f"{listed}/open") == 403


def test_a_public_bucket_is_listed_and_written_by_everybody(world, s3, listed):
    assert status(world, listed) == 403
    s3.put_bucket_acl(Bucket=listed, ACL="public-read-write")
    assert status(world, listed) == 200
    request = urllib.request.Request(f"{world.endpoint}/{listed}/new", data=b"hello", method="PUT")
    assert urllib.request.urlopen(request).status == 200


def test_a_grant_lets_another_account_in(s3, listed, other, aws_error):
    theirs = other.list_buckets()["Owner"]["ID"]
    s3.put_object(Bucket=listed, Key="a", Body=b"x")
    with aws_error("AccessDenied"):
        other.get_object(Bucket=listed, Key="a")
    s3.put_object(Bucket=listed, Key="a", Body=b"x", GrantRead=f'id="{theirs}"')
    assert other.get_object(Bucket=listed, Key="a")["Body"].read() == b"x"
    with aws_error("AccessDenied"):
        other.get_object_acl(Bucket=listed, Key="a")


def test_a_list_is_put_as_a_document(s3, listed):
    owner = s3.get_bucket_acl(Bucket=listed)["Owner"]
    grants = [{"Grantee": {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"}, "Permission": "READ"}]
    s3.put_bucket_acl(Bucket=listed, AccessControlPolicy={"Owner": owner, "Grants": grants})
    assert s3.get_bucket_acl(Bucket=listed)["Grants"] == grants


def test_public_lists_can_be_blocked_and_ignored(world, s3, listed, aws_error):
    s3.put_object(Bucket=listed, Key="a", Body=b"x", ACL="public-read")
    s3.put_public_access_block(Bucket=listed, PublicAccessBlockConfiguration={"IgnorePublicAcls": True, "BlockPublicAcls": True})
    assert status(world, f"{listed}/a") == 403
    with aws_error("AccessDenied"):
        s3.put_object_acl(Bucket=listed, Key="a", ACL="public-read")


def test_bucket_owner_full_control_hands_the_object_over(s3, listed, other):
    s3.put_bucket_acl(Bucket=listed, ACL="public-read-write")
    s3.put_bucket_ownership_controls(Bucket=listed, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]})
    other.put_object(Bucket=listed, Key="a", Body=b"x", ACL="bucket-owner-full-control")
    mine = s3.list_buckets()["Owner"]["ID"]
    assert s3.get_object_acl(Bucket=listed, Key="a")["Owner"]["ID"] == mine


def test_lists_that_nobody_can_mean_are_refused(s3, listed, aws_error):
    with aws_error("InvalidArgument"):
        s3.put_bucket_acl(Bucket=listed, GrantRead='id="nobody"')
    with aws_error("UnresolvableGrantByEmailAddress"):
        s3.put_bucket_acl(Bucket=listed, GrantRead='emailAddress="a@b.test"')
    with aws_error("InvalidRequest"):
        s3.put_bucket_acl(Bucket=listed, ACL="private", GrantRead=f'id="{"a" * 64}"')


def test_turning_lists_off_needs_a_private_bucket(s3, listed, aws_error):
    s3.put_bucket_acl(Bucket=listed, ACL="public-read")
    enforced = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    with aws_error("InvalidBucketAclWithObjectOwnership"):
        s3.put_bucket_ownership_controls(Bucket=listed, OwnershipControls=enforced)
    s3.put_bucket_acl(Bucket=listed, ACL="private")
    s3.put_bucket_ownership_controls(Bucket=listed, OwnershipControls=enforced)


def test_lists_for_objects_are_ignored_on_a_new_bucket(s3):
    s3.create_bucket(Bucket="from-rclone", ACL="bucket-owner-full-control")
    assert [grant["Permission"] for grant in s3.get_bucket_acl(Bucket="from-rclone")["Grants"]] == ["FULL_CONTROL"]


def test_a_list_can_be_emptied(s3, aws_error):
    s3.create_bucket(Bucket="old", ObjectOwnership="ObjectWriter")
    s3.put_object(Bucket="old", Key="k", Body=b"x")
    owner = s3.list_buckets()["Owner"]
    s3.put_object_acl(Bucket="old", Key="k", AccessControlPolicy={"Owner": owner, "Grants": []})
    assert s3.get_object_acl(Bucket="old", Key="k")["Grants"] == []
    s3.put_bucket_acl(Bucket="old", AccessControlPolicy={"Owner": owner, "Grants": []})
    assert s3.get_bucket_acl(Bucket="old")["Grants"] == []
    s3.put_bucket_acl(Bucket="old", ACL="private")
    assert [grant["Permission"] for grant in s3.get_bucket_acl(Bucket="old")["Grants"]] == ["FULL_CONTROL"]
