from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest


@pytest.fixture
def source(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a b/ü+%", Body=b"data", ContentType="text/plain", Metadata={"m": "1"}, Tagging="t=1")
    return {"Bucket": bucket, "Key": "a b/ü+%"}


def test_a_copy_has_the_sources_bytes_metadata_and_tags(s3, bucket, source):
    s3.create_bucket(Bucket="other-bucket")
    answer = s3.copy_object(Bucket="other-bucket", Key="copy", CopySource=source)["CopyObjectResult"]
    got = s3.get_object(Bucket="other-bucket", Key="copy")
    assert (got["Body"].read(), got["ContentType"], got["Metadata"], got["TagCount"]) == (b"data", "text/plain", {"m": "1"}, 1)
    assert answer["ETag"] == got["ETag"] == f'"{hashlib.md5(b"data").hexdigest()}"'


def test_directives_replace_metadata_and_tags(s3, bucket, source):
    s3.copy_object(
        Bucket=bucket,
        Key="copy",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"n": "2"},
        TaggingDirective="REPLACE",
        Tagging="u=2",
    )
    got = s3.head_object(Bucket=bucket, Key="copy")
    assert (got["Metadata"], got["ContentType"]) == ({"n": "2"}, "binary/octet-stream")
    assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == [{"Key": "u", "Value": "2"}]


def test_copying_onto_itself_must_change_something(s3, bucket, source, aws_error):
    with aws_error("InvalidRequest", "copy an object to itself"):
        s3.copy_object(**source, CopySource=source)
    s3.copy_object(**source, CopySource=source, StorageClass="STANDARD_IA")
    assert s3.head_object(**source)["StorageClass"] == "STANDARD_IA"
    s3.copy_object(**source, CopySource=source, MetadataDirective="REPLACE", Metadata={"new": "1"})
    assert s3.head_object(**source)["Metadata"] == {"new": "1"}


def test_the_source_may_be_held_to_conditions(s3, bucket, source, aws_error):
    etag = s3.head_object(**source)["ETag"]
    past = datetime(2000, 1, 1, tzinfo=UTC)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, CopySourceIfMatch=etag, CopySourceIfModifiedSince=past)
    for condition in ({"CopySourceIfMatch": '"no"'}, {"CopySourceIfNoneMatch": etag}, {"CopySourceIfUnmodifiedSince": past}):
        with aws_error("PreconditionFailed"):
            s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, **condition)


def test_the_destination_may_be_held_to_conditions(s3, bucket, source, aws_error):
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, IfNoneMatch="*")
    with aws_error("PreconditionFailed"):
        s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, IfNoneMatch="*")


def test_an_older_version_may_be_copied_to_the_top(s3, versioned):
    old = s3.put_object(Bucket=versioned, Key="k", Body=b"old")["VersionId"]
    s3.put_object(Bucket=versioned, Key="k", Body=b"new")
    answer = s3.copy_object(Bucket=versioned, Key="k", CopySource={"Bucket": versioned, "Key": "k", "VersionId": old})
    assert answer["CopySourceVersionId"] == old
    assert answer["VersionId"] != old
    assert s3.get_object(Bucket=versioned, Key="k")["Body"].read() == b"old"


def test_delete_markers_are_not_copied(s3, versioned, aws_error):
    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    with aws_error("NoSuchKey"):
        s3.copy_object(Bucket=versioned, Key="copy", CopySource={"Bucket": versioned, "Key": "k"})
    with aws_error("InvalidRequest", "delete marker by version id"):
        s3.copy_object(Bucket=versioned, Key="copy", CopySource={"Bucket": versioned, "Key": "k", "VersionId": marker})


def test_sources_that_are_not_there(s3, bucket, aws_error):
    with aws_error("NoSuchKey"):
        s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "nothing"})
    with aws_error("NoSuchBucket"):
        s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": "nowhere", "Key": "k"})
    with aws_error("InvalidArgument", "Copy Source must mention"):
        s3.copy_object(Bucket=bucket, Key="copy", CopySource="nonsense")


def test_copies_cross_regions(world, s3, source):
    irish = world.client("s3", region="eu-west-1")
    irish.create_bucket(Bucket="irish", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    irish.copy_object(Bucket="irish", Key="copy", CopySource=source)
    assert irish.get_object(Bucket="irish", Key="copy")["Body"].read() == b"data"


def test_a_copy_of_a_multipart_object_is_a_plain_object(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="big")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="big", UploadId=upload, PartNumber=1, Body=b"x" * 10_000)
    parts = [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]}]
    s3.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload, MultipartUpload={"Parts": parts})
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "big"})
    got = s3.get_object(Bucket=bucket, Key="copy")
    assert (got["ETag"], got["ChecksumType"]) == (f'"{hashlib.md5(b"x" * 10_000).hexdigest()}"', "FULL_OBJECT")


def test_a_copy_outlives_its_source(s3, bucket, source):
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    s3.delete_object(**source)
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"data"
