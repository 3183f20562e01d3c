from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

ACCOUNT = "000000000000"
OTHER = "111122223333"


@pytest.fixture
def user(world):
    """A client of a user who may do what a policy says."""

    def make(statements, name="jane"):
        iam = world.client("iam")
        iam.create_user(UserName=name)
        if statements:
            iam.put_user_policy(
                UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements})
            )
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return world.client("s3", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])

    return make


def allow(principal, actions, resources, **more):
    statement = {"Effect": "Allow", "Principal": principal, "Action": actions, "Resource": resources, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_an_access_point_is_described(control, bucket, point):
    assert point["AccessPointArn"] == f"arn:aws:s3:us-east-1:{ACCOUNT}:accesspoint/visitors"
    assert point["Alias"].startswith("visitors-")
    assert point["Alias"].endswith("-s3alias")
    assert len(point["Alias"]) <= 63
    found = control.get_access_point(AccountId=ACCOUNT, Name="visitors")
    assert (found["Bucket"], found["NetworkOrigin"], found["BucketAccountId"]) == (bucket, "Internet", ACCOUNT)
    assert all(found["PublicAccessBlockConfiguration"].values())
    assert found["Endpoints"]["ipv4"] == "s3-accesspoint.us-east-1.amazonaws.com"
    control.delete_access_point(AccountId=ACCOUNT, Name="visitors")


def test_what_is_not_there_is_told(control, bucket, point, aws_error):
    with aws_error("NoSuchAccessPoint"):
        control.get_access_point(AccountId=ACCOUNT, Name="nobody")
    with aws_error("NoSuchAccessPointPolicy"):
        control.get_access_point_policy(AccountId=ACCOUNT, Name="visitors")
    with aws_error("AccessDenied"):
        control.get_access_point(AccountId=OTHER, Name="visitors")


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"Name": "visitors", "Bucket": "photos"}, "AccessPointAlreadyOwnedByYou"),
        ({"Name": "Upper", "Bucket": "photos"}, "InvalidRequest"),
        ({"Name": "ends-", "Bucket": "photos"}, "InvalidRequest"),
        ({"Name": "an-s3alias", "Bucket": "photos"}, "InvalidRequest"),
        ({"Name": "other", "Bucket": "nothing-there"}, "InvalidRequest"),
        ({"Name": "other", "Bucket": "photos", "BucketAccountId": OTHER}, "InvalidRequest"),
        ({"Name": "other", "Bucket": "photos", "VpcConfiguration": {"VpcId": "vpc-1"}}, "NotImplemented"),
        ({"Name": "other", "Bucket": "photos", "Tags": [{"Key": "aws:x", "Value": ""}]}, "InvalidTag"),
    ],
)
def test_what_cannot_be_made_is_refused(control, point, aws_error, request_, code):
    with aws_error(code):
        control.create_access_point(AccountId=ACCOUNT, **request_)
    assert [found["Name"] for found in control.list_access_points(AccountId=ACCOUNT)["AccessPointList"]] == ["visitors"]


def test_access_points_are_listed_in_pages(control, s3, bucket):
    s3.create_bucket(Bucket="others")
    for name in ("one", "two", "six", "ten"):
        control.create_access_point(AccountId=ACCOUNT, Name=name, Bucket="others" if name == "six" else bucket)
    first = control.list_access_points(AccountId=ACCOUNT, Bucket=bucket, MaxResults=2)
    assert [found["Name"] for found in first["AccessPointList"]] == ["one", "ten"]
    rest = control.list_access_points(AccountId=ACCOUNT, Bucket=bucket, MaxResults=2, NextToken=first["NextToken"])
    assert [found["Name"] for found in rest["AccessPointList"]] == ["two"]
    assert "NextToken" not in rest


def test_a_bucket_with_access_points_stays(control, s3, bucket, point, aws_error):
    s3.delete_object(Bucket=bucket, Key="cats/tom")
    with aws_error("BucketHasAccessPointsAttached"):
        s3.delete_bucket(Bucket=bucket)
    control.delete_access_point(AccountId=ACCOUNT, Name="visitors")
    s3.delete_bucket(Bucket=bucket)


def test_objects_are_reached_by_arn_and_alias(s3, bucket, point):
    for name in (point["AccessPointArn"], point["Alias"]):
        assert s3.get_object(Bucket=name, Key="cats/tom")["Body"].read() == b"miau"
        s3.put_object(Bucket=name, Key="new", Body=b"12")
        assert [item["Key"] for item in s3.list_objects_v2(Bucket=name)["Contents"]] == ["cats/tom", "new"]
        assert s3.list_objects_v2(Bucket=name)["Name"] == bucket
        s3.copy_object(Bucket=name, Key="copy", CopySource={"Bucket": name, "Key": "new"})
        assert s3.head_object(Bucket=bucket, Key="copy")["ContentLength"] == 2
        s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "copy"}, {"Key": "new"}]})
        upload = s3.create_multipart_upload(Bucket=name, Key="big")
        at = {"Bucket": name, "Key": "big", "UploadId": upload["UploadId"]}
        part = s3.upload_part(**at, PartNumber=1, Body=b"part")
        done = s3.complete_multipart_upload(**at, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        assert done["Bucket"] == bucket
        s3.delete_object(Bucket=name, Key="big")
    assert s3.head_bucket(Bucket=point["Alias"])["AccessPointAlias"] is True
    assert s3.head_bucket(Bucket=bucket)["AccessPointAlias"] is False


def test_settings_of_the_bucket_are_not_reached(s3, point, aws_error):
    with aws_error("MethodNotAllowed"):
        s3.put_bucket_versioning(Bucket=point["Alias"], VersioningConfiguration={"Status": "Enabled"})
    with aws_error("MethodNotAllowed"):
        s3.delete_bucket(Bucket=point["AccessPointArn"])


def test_an_alias_that_nobody_has_is_no_bucket(world, s3, point, aws_error):
    with aws_error("NoSuchBucket"):
        s3.list_objects_v2(Bucket="nobody-abc-s3alias")
    headers = {"Host": f"nobody-{ACCOUNT}.s3-accesspoint.us-east-1.amazonaws.com", "Authorization": "AWS test:x"}
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(f"{world.endpoint}/k", headers=headers))
    assert (caught.value.code, b"<Code>NoSuchAccessPoint</Code>" in caught.value.read()) == (404, True)


@pytest.mark.parametrize(
    "host",
    [
        f"visitors-{ACCOUNT}.s3-accesspoint.us-east-1.amazonaws.com",
        f"visitors-{ACCOUNT}.s3-accesspoint.us-east-1.localhost.localstack.cloud",
        f"visitors-{ACCOUNT}.localhost",
        f"visitors-{ACCOUNT}.s3.localhost.localstack.cloud",
        "photos.localhost",
    ],
)
def test_hosts_of_access_points_and_buckets(world, s3, point, host):
    headers = {"Host": host, "Authorization": "AWS test:x"}
    with urllib.request.urlopen(urllib.request.Request(f"{world.endpoint}/cats/tom", headers=headers)) as answer:
        assert answer.read() == b"miau"


def test_identity_policies_speak_of_the_access_point(user, bucket, point, aws_error):
    arn = point["AccessPointArn"]
    jane = user([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{arn}/object/cats/*"}])
    assert jane.get_object(Bucket=arn, Key="cats/tom")["Body"].read() == b"miau"
    with aws_error("AccessDenied"):
        jane.get_object(Bucket=arn, Key="dogs/rex")
    with aws_error("AccessDenied"):
        jane.get_object(Bucket=bucket, Key="cats/tom")


def test_a_policy_of_the_access_point_needs_the_buckets_leave(control, s3, user, bucket, point, aws_error):
    jane, arn = user([]), point["AccessPointArn"]
    policy = allow({"AWS": f"arn:aws:iam::{ACCOUNT}:user/jane"}, "s3:GetObject", f"{arn}/object/*")
    control.put_access_point_policy(AccountId=ACCOUNT, Name="visitors", Policy=policy)
    assert control.get_access_point_policy(AccountId=ACCOUNT, Name="visitors")["Policy"] == policy
    assert control.get_access_point_policy_status(AccountId=ACCOUNT, Name="visitors")["PolicyStatus"]["IsPublic"] is False
    with aws_error("AccessDenied"):
        jane.get_object(Bucket=arn, Key="cats/tom")
    # The bucket leaves the choice to the access points of its account.
    delegation = {"StringEquals": {"s3:DataAccessPointAccount": ACCOUNT}}
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    s3.put_bucket_policy(Bucket=bucket, Policy=allow({"AWS": "*"}, "*", resources, Condition=delegation))
    assert jane.get_object(Bucket=arn, Key="cats/tom")["Body"].read() == b"miau"
    assert jane.get_object(Bucket=point["Alias"], Key="cats/tom")["Body"].read() == b"miau"
    with aws_error("AccessDenied"):
        jane.get_object(Bucket=bucket, Key="cats/tom")
    control.delete_access_point_policy(AccountId=ACCOUNT, Name="visitors")
    with aws_error("AccessDenied"):
        jane.get_object(Bucket=arn, Key="cats/tom")


def test_a_denial_in_either_policy_binds(control, s3, bucket, point, aws_error):
    arn = point["AccessPointArn"]
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject"}
    control.put_access_point_policy(
        AccountId=ACCOUNT, Name="visitors", Policy=json.dumps({"Statement": [{**deny, "Resource": f"{arn}/object/*"}]})
    )
    with aws_error("AccessDenied"):
        s3.put_object(Bucket=arn, Key="k", Body=b"")
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    control.delete_access_point_policy(AccountId=ACCOUNT, Name="visitors")
    only_points = {**deny, "Resource": f"arn:aws:s3:::{bucket}/*", "Condition": {"StringEquals": {"s3:DataAccessPointArn": arn}}}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Statement": [only_points]}))
    with aws_error("AccessDenied"):
        s3.put_object(Bucket=arn, Key="k", Body=b"")
    s3.put_object(Bucket=bucket, Key="k", Body=b"")


def test_another_account_needs_both_policies(world, control, s3, bucket, point, aws_error):
    stranger, arn = world.client("s3", access_key=OTHER), point["AccessPointArn"]
    control.put_access_point_policy(AccountId=ACCOUNT, Name="visitors", Policy=allow({"AWS": OTHER}, "s3:GetObject", f"{arn}/object/*"))
    with aws_error("AccessDenied"):
        stranger.get_object(Bucket=arn, Key="cats/tom")
    s3.put_bucket_policy(Bucket=bucket, Policy=allow({"AWS": OTHER}, "s3:GetObject", f"arn:aws:s3:::{bucket}/*"))
    assert stranger.get_object(Bucket=arn, Key="cats/tom")["Body"].read() == b"miau"


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        ("nonsense", "MalformedPolicy"),
        (allow("*", "s3:GetObject", "arn:aws:s3:::photos/*"), "MalformedPolicy"),
        (allow("*", "sqs:SendMessage", f"arn:aws:s3:us-east-1:{ACCOUNT}:accesspoint/visitors/object/*"), "MalformedPolicy"),
        (allow("*", "s3:GetObject", f"arn:aws:s3:us-east-1:{ACCOUNT}:accesspoint/visitors/object/*"), "AccessDenied"),
    ],
)
def test_policies_that_are_none_or_public_are_refused(control, point, aws_error, policy, code):
    with aws_error(code):
        control.put_access_point_policy(AccountId=ACCOUNT, Name="visitors", Policy=policy)
    with aws_error("NoSuchAccessPointPolicy"):
        control.get_access_point_policy(AccountId=ACCOUNT, Name="visitors")


def test_access_points_and_buckets_have_tags(control, s3, bucket, point, aws_error):
    for arn in (point["AccessPointArn"], f"arn:aws:s3:::{bucket}"):
        control.tag_resource(AccountId=ACCOUNT, ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
        control.untag_resource(AccountId=ACCOUNT, ResourceArn=arn, TagKeys=["a"])
        assert control.list_tags_for_resource(AccountId=ACCOUNT, ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "b", "Value": "2"}]
    with aws_error("NotImplemented"):
        control.list_tags_for_resource(AccountId=ACCOUNT, ResourceArn=f"arn:aws:s3:us-east-1:{ACCOUNT}:storage-lens/x")
    with aws_error("NoSuchAccessPoint"):
        control.list_tags_for_resource(AccountId=ACCOUNT, ResourceArn=f"arn:aws:s3:us-east-1:{ACCOUNT}:accesspoint/nobody")
