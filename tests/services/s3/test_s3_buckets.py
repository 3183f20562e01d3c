from __future__ import annotations

import pytest


def test_a_created_bucket_is_listed_with_its_owner(s3, bucket):
    answer = s3.list_buckets()
    assert [found["Name"] for found in answer["Buckets"]] == [bucket]
    assert len(answer["Owner"]["ID"]) == 64


def test_create_answers_the_location(s3):
    assert s3.create_bucket(Bucket="holiday")["Location"] == "/holiday"


@pytest.mark.parametrize("name", ["ab", "Upper", "a..b", "192.168.0.1", "-dash", "dash-", "under_score", "xn--abc", "a" * 64, "my-s3alias"])
def test_a_name_that_breaks_the_rules_is_refused(s3, aws_error, name):
    s3.meta.events.unregister("before-parameter-build.s3", None)
    with aws_error("InvalidBucketName"):
        s3.create_bucket(Bucket=name)


def test_creating_ones_own_bucket_again_succeeds_in_us_east_1(s3, bucket):
    s3.create_bucket(Bucket=bucket)


def test_creating_ones_own_bucket_again_fails_elsewhere(world, aws_error):
    s3 = world.client("s3", region="eu-west-1")
    s3.create_bucket(Bucket="irish", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    with aws_error("BucketAlreadyOwnedByYou"):
        s3.create_bucket(Bucket="irish", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})


def test_bucket_names_are_shared_by_all_accounts(world, bucket, aws_error):
    with aws_error("BucketAlreadyExists"):
        world.client("s3", access_key="111122223333").create_bucket(Bucket=bucket)


def test_other_regions_demand_their_own_constraint(world, aws_error):
    s3 = world.client("s3", region="eu-west-1")
    with aws_error("IllegalLocationConstraintException", "The unspecified location constraint"):
        s3.create_bucket(Bucket="irish")
    with aws_error("IllegalLocationConstraintException", "The eu-central-1 location constraint"):
        s3.create_bucket(Bucket="irish", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})


def test_us_east_1_is_no_constraint(s3, aws_error):
    with aws_error("InvalidLocationConstraint"):
        s3.create_bucket(Bucket="eastern", CreateBucketConfiguration={"LocationConstraint": "us-east-1"})


def test_the_location_is_null_in_us_east_1_and_the_constraint_elsewhere(world, s3, bucket):
    s3.create_bucket(Bucket="irish", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    assert s3.get_bucket_location(Bucket="irish")["LocationConstraint"] == "eu-west-1"


def test_head_tells_the_region(s3, bucket):
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == "us-east-1"


def test_head_of_a_missing_bucket_is_a_404(s3, aws_error):
    with aws_error("404"):
        s3.head_bucket(Bucket="nowhere")


def test_a_request_to_the_wrong_region_is_redirected_and_boto3_follows(world, s3):
    s3.create_bucket(Bucket="irish", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="irish", Key="k", Body=b"v")
    assert s3.get_object(Bucket="irish", Key="k")["Body"].read() == b"v"


def test_the_redirect_names_the_region(world, s3):
    s3.create_bucket(Bucket="irish", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    seen = []
    s3.meta.events.register_first("needs-retry.s3.HeadBucket", lambda response, **_: seen.append(response[0]))
    s3.head_bucket(Bucket="irish")
    assert (seen[0].status_code, seen[0].headers["x-amz-bucket-region"]) == (301, "eu-west-1")


def test_list_buckets_pages(s3):
    for name in ("aaa", "bbb", "ccc"):
        s3.create_bucket(Bucket=name)
    first = s3.list_buckets(MaxBuckets=2)
    assert [found["Name"] for found in first["Buckets"]] == ["aaa", "bbb"]
    rest = s3.list_buckets(MaxBuckets=2, ContinuationToken=first["ContinuationToken"])
    assert [found["Name"] for found in rest["Buckets"]] == ["ccc"]
    assert "ContinuationToken" not in rest


def test_list_buckets_by_prefix_and_region(s3):
    s3.create_bucket(Bucket="log-a")
    s3.create_bucket(Bucket="log-b", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.create_bucket(Bucket="other")
    assert [b["Name"] for b in s3.list_buckets(Prefix="log-")["Buckets"]] == ["log-a", "log-b"]
    assert [b["Name"] for b in s3.list_buckets(Prefix="log-", BucketRegion="eu-west-1")["Buckets"]] == ["log-b"]


def test_accounts_see_their_own_buckets_only(world, bucket):
    assert world.client("s3", access_key="111122223333").list_buckets()["Buckets"] == []


def test_a_bucket_with_objects_is_not_deleted(s3, bucket, aws_error):
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    with aws_error("BucketNotEmpty"):
        s3.delete_bucket(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    with aws_error("NoSuchBucket"):
        s3.list_objects_v2(Bucket=bucket)


def test_a_bucket_with_a_delete_marker_is_not_deleted(s3, versioned, aws_error):
    s3.delete_object(Bucket=versioned, Key="k")
    with aws_error("BucketNotEmpty", "delete all versions"):
        s3.delete_bucket(Bucket=versioned)


def test_the_expected_owner_is_checked(s3, bucket, aws_error):
    s3.list_objects_v2(Bucket=bucket, ExpectedBucketOwner="000000000000")
    with aws_error("AccessDenied"):
        s3.list_objects_v2(Bucket=bucket, ExpectedBucketOwner="111122223333")


def test_acls_are_disabled_by_default(s3, bucket, aws_error):
    with aws_error("InvalidBucketAclWithObjectOwnership"):
        s3.create_bucket(Bucket="public", ACL="public-read")
    with aws_error("AccessControlListNotSupported"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"", ACL="public-read")


def test_bucket_tags_are_replaced_read_and_removed(s3, bucket, aws_error):
    with aws_error("NoSuchTagSet"):
        s3.get_bucket_tagging(Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "team", "Value": "red"}]})
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "stage", "Value": "dev"}]})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "stage", "Value": "dev"}]
    s3.delete_bucket_tagging(Bucket=bucket)
    with aws_error("NoSuchTagSet"):
        s3.get_bucket_tagging(Bucket=bucket)


def test_a_signature_for_no_region_is_told_the_right_one(world, aws_error):
    with aws_error("AuthorizationHeaderMalformed", "the region 'US' is wrong; expecting 'us-east-1'") as caught:
        world.client("s3", region="US").list_buckets()
    assert caught.value.response["Error"]["Region"] == "us-east-1"


def test_whoever_may_not_look_in_is_told_the_region(world, aws_error):
    world.client("s3", region="eu-west-1").create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    from botocore import UNSIGNED
    from botocore.config import Config

    with aws_error("403") as caught:
        world.client("s3", config=Config(signature_version=UNSIGNED)).head_bucket(Bucket="far")
    assert caught.value.response["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"] == "eu-west-1"
