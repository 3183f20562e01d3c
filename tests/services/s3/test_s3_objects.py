from __future__ import annotations

import hashlib
import threading
from base64 import b64encode
from datetime import UTC, datetime

import pytest


@pytest.mark.parametrize("size", [0, 1, 4096, 4097, 3_000_000])
def test_bytes_come_back_as_they_went_in(s3, bucket, size):
    data = bytes(i * 7 % 251 for i in range(min(size, 1000))) * (size // 1000 + 1)
    data = data[:size]
    answer = s3.put_object(Bucket=bucket, Key="k", Body=data)
    assert answer["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == data
    assert (got["ContentLength"], got["ETag"]) == (size, answer["ETag"])


@pytest.mark.parametrize(
    "key",
    ["a//b", "../up", "a/./b", "with space", "plus+sign", "per%2Fcent", "ünï/çødé", "q?uery&x=1", "/lead", "trail/", "日本", "a\u0001b"],
)
def test_keys_are_kept_exactly(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"x"
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]


def test_a_key_longer_than_1024_bytes_is_refused(s3, bucket, aws_error):
    s3.put_object(Bucket=bucket, Key="k" * 1024, Body=b"")
    with aws_error("KeyTooLongError"):
        s3.put_object(Bucket=bucket, Key="é" * 513, Body=b"")


def test_metadata_and_system_headers_are_kept(s3, bucket):
    s3.put_object(
        Bucket=bucket,
        Key="k",
        Body=b"x",
        ContentType="text/plain",
        CacheControl="max-age=60",
        ContentDisposition="attachment",
        ContentEncoding="gzip",
        ContentLanguage="de",
        Expires=datetime(2030, 1, 1, tzinfo=UTC),
        Metadata={"Colour": "red", "empty": ""},
        StorageClass="STANDARD_IA",
    )
    for got in (s3.head_object(Bucket=bucket, Key="k"), s3.get_object(Bucket=bucket, Key="k")):
        assert got["ContentType"] == "text/plain"
        assert got["CacheControl"] == "max-age=60"
        assert got["ContentDisposition"] == "attachment"
        assert got["ContentEncoding"] == "gzip"
        assert got["ContentLanguage"] == "de"
        assert got["Expires"] == datetime(2030, 1, 1, tzinfo=UTC)
        assert got["Metadata"] == {"colour": "red", "empty": ""}
        assert got["StorageClass"] == "STANDARD_IA"
        assert got["ServerSideEncryption"] == "AES256"


def test_an_object_without_a_type_is_a_stream_of_octets(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.head_object(Bucket=bucket, Key="k")["ContentType"] == "binary/octet-stream"


def test_metadata_over_two_kilobytes_is_refused(s3, bucket, aws_error):
    with aws_error("MetadataTooLarge"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"", Metadata={"m": "x" * 2048})


def test_an_unknown_storage_class_is_refused(s3, bucket, aws_error):
    with aws_error("InvalidStorageClass"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"", StorageClass="CELLAR")


def test_archived_objects_are_not_read(s3, bucket, aws_error):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass="GLACIER")
    assert s3.head_object(Bucket=bucket, Key="k")["StorageClass"] == "GLACIER"
    with aws_error("InvalidObjectState"):
        s3.get_object(Bucket=bucket, Key="k")


def test_the_answer_may_override_headers(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    got = s3.get_object(Bucket=bucket, Key="k", ResponseContentType="text/x", ResponseCacheControl="no-store")
    assert (got["ContentType"], got["CacheControl"]) == ("text/x", "no-store")


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [("bytes=0-4", 0, 5), ("bytes=5-", 5, 10), ("bytes=-3", 7, 10), ("bytes=8-99", 8, 10), ("bytes=-99", 0, 10)],
)
def test_a_range_is_answered_in_part(s3, bucket, wanted, start, stop):
    data = b"0123456789"
    s3.put_object(Bucket=bucket, Key="k", Body=data)
    got = s3.get_object(Bucket=bucket, Key="k", Range=wanted)
    assert got["Body"].read() == data[start:stop]
    assert got["ContentRange"] == f"bytes {start}-{stop - 1}/10"
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert s3.head_object(Bucket=bucket, Key="k", Range=wanted)["ContentLength"] == stop - start


def test_a_range_past_the_end_is_refused(s3, bucket, aws_error):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    with aws_error("InvalidRange"):
        s3.get_object(Bucket=bucket, Key="k", Range="bytes=10-")


@pytest.mark.parametrize("wanted", ["bytes=5-1", "lines=1-2", "bytes=0-1,4-5", "nonsense"])
def test_a_range_that_makes_no_sense_is_ignored(s3, bucket, wanted):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="k", Range=wanted)
    assert got["Body"].read() == b"0123456789"
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_reading_on_conditions(s3, bucket, world, aws_error):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    past, future = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    s3.get_object(Bucket=bucket, Key="k", IfMatch=etag, IfModifiedSince=past)
    s3.get_object(Bucket=bucket, Key="k", IfNoneMatch='"other"', IfUnmodifiedSince=future)
    # A matching If-Match makes If-Unmodified-Since moot (RFC 9110).
    s3.get_object(Bucket=bucket, Key="k", IfMatch=etag, IfUnmodifiedSince=past)
    with aws_error("PreconditionFailed"):
        s3.get_object(Bucket=bucket, Key="k", IfMatch='"other"')
    with aws_error("PreconditionFailed"):
        s3.get_object(Bucket=bucket, Key="k", IfUnmodifiedSince=past)
    with aws_error("304"):
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=etag)
    with aws_error("304"):
        s3.head_object(Bucket=bucket, Key="k", IfModifiedSince=future)


def test_not_modified_answers_carry_the_entity_tag(s3, bucket, aws_error):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    with aws_error("304") as caught:
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=etag)
    assert caught.value.response["ResponseMetadata"]["HTTPHeaders"]["etag"] == etag


def test_if_none_match_star_creates_but_never_overwrites(s3, bucket, aws_error):
    s3.put_object(Bucket=bucket, Key="k", Body=b"first", IfNoneMatch="*")
    with aws_error("PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"second", IfNoneMatch="*")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"first"


def test_if_match_overwrites_only_what_it_names(s3, bucket, aws_error):
    with aws_error("NoSuchKey"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", IfMatch='"any"')
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"first")["ETag"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"second", IfMatch=etag)
    with aws_error("PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"third", IfMatch=etag)


def test_a_conditional_delete_removes_only_what_it_names(s3, bucket, aws_error):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    with aws_error("PreconditionFailed"):
        s3.delete_object(Bucket=bucket, Key="k", IfMatch='"other"')
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=etag)
    with aws_error("NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="k")


def test_deleting_what_is_not_there_succeeds(s3, bucket):
    assert s3.delete_object(Bucket=bucket, Key="nothing")["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_delete_objects_tells_of_each(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]})
    assert answer["Deleted"] == [{"Key": "a"}, {"Key": "b"}]
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_quiet_delete_tells_of_failures_only(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"")
    objects = [{"Key": "a"}, {"Key": "b", "VersionId": "nonsense"}]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    assert "Deleted" not in answer
    assert [(error["Key"], error["Code"]) for error in answer["Errors"]] == [("b", "InvalidArgument")]


def test_delete_objects_takes_a_thousand_keys_and_no_more(s3, bucket, aws_error):
    keys = [{"Key": str(number)} for number in range(1001)]
    s3.delete_objects(Bucket=bucket, Delete={"Objects": keys[:1000]})
    with aws_error("MalformedXML"):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})


def test_missing_keys_and_buckets_have_their_own_errors(s3, bucket, aws_error):
    with aws_error("NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="nothing")
    with aws_error("404"):
        s3.head_object(Bucket=bucket, Key="nothing")
    with aws_error("NoSuchBucket"):
        s3.get_object(Bucket="nowhere", Key="k")


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "MD5"])
def test_a_checksum_is_verified_kept_and_given_back(s3, bucket, aws_error, algorithm):
    from cloudjar.wire import checksums

    running = checksums.new(algorithm)
    running.update(b"payload")
    value = b64encode(running.digest()).decode()
    member = f"Checksum{algorithm}"
    s3.put_object(Bucket=bucket, Key="k", Body=b"payload", **{member: value})
    got = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (got[member], got["ChecksumType"]) == (value, "FULL_OBJECT")
    assert member not in s3.head_object(Bucket=bucket, Key="k")
    with aws_error("BadDigest", algorithm):
        s3.put_object(Bucket=bucket, Key="k", Body=b"another", **{member: value})
    with aws_error("InvalidRequest"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"another", **{member: "AAA="})


def test_s3_works_out_a_checksum_itself_when_none_is_sent(world, bucket):
    from botocore.config import Config

    s3 = world.client("s3", config=Config(request_checksum_calculation="when_required"))
    s3.put_object(Bucket=bucket, Key="k", Body=b"123456789")
    assert s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["ChecksumCRC64NVME"] == "rosUhgp5mIg="


def test_content_md5_is_verified(s3, bucket, aws_error):
    digest = b64encode(hashlib.md5(b"x").digest()).decode()
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentMD5=digest)
    with aws_error("BadDigest"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"y", ContentMD5=digest)
    with aws_error("InvalidDigest"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"y", ContentMD5="short")


def test_a_refused_upload_changes_nothing(s3, bucket, aws_error):
    s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    with aws_error("BadDigest"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 100_000, ContentMD5=b64encode(bytes(16)).decode())
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"old"


def test_options_that_are_not_done_are_refused(s3, bucket, aws_error):
    with aws_error("NotImplemented"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"", ServerSideEncryption="aws:fsx")


def test_object_tags_come_with_the_object_or_later(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"", Tagging="b=2&a=1%20one")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "1 one"}, {"Key": "b", "Value": "2"}]
    assert s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 2
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "c", "Value": ""}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "c", "Value": ""}]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([("k", str(n)) for n in range(2)], "InvalidTag"),
        ([(str(n), "v") for n in range(11)], "BadRequest"),
        ([("aws:k", "v")], "InvalidTag"),
        ([("k", "v" * 257)], "InvalidTag"),
        ([("k" * 129, "v")], "InvalidTag"),
        ([("k<", "v")], "InvalidTag"),
    ],
)
def test_tags_that_break_the_rules_are_refused(s3, bucket, aws_error, tags, code):
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    with aws_error(code):
        s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": k, "Value": v} for k, v in tags]})


def test_attributes_of_a_plain_object(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"12345")["ETag"]
    wanted = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    got = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=wanted)
    assert (got["ETag"], got["ObjectSize"], got["StorageClass"]) == (etag.strip('"'), 5, "STANDARD")
    assert got["Checksum"]["ChecksumCRC32"] == "y/U6HA=="
    assert "ObjectParts" not in got


def test_overlapping_puts_gets_and_deletes_of_one_key_never_tear(world, s3, bucket):
    bodies = [bytes([letter]) * size for letter, size in ((65, 3000), (66, 70_000), (67, 5000), (68, 1_200_000))]
    problems: list[str] = []

    def hammer(body: bytes) -> None:
        client = world.client("s3")
        for turn in range(15):
            client.put_object(Bucket=bucket, Key="hot", Body=body)
            try:
                seen = client.get_object(Bucket=bucket, Key="hot")["Body"].read()
            except client.exceptions.NoSuchKey:
                seen = bodies[0]
            if seen not in bodies:
                problems.append(f"{len(seen)} bytes of {set(seen)}")
            if turn % 5 == 4:
                client.delete_object(Bucket=bucket, Key="hot")

    threads = [threading.Thread(target=hammer, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==", "BadDigest"),
        ("Content-MD5", "nonsense", "InvalidDigest"),
        ("x-amz-checksum-crc32", "AAAAAA==", "BadDigest"),
    ],
)
def test_a_request_document_that_is_not_what_its_headers_say_is_refused(s3, bucket, aws_error, header, value, code):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")

    def spoil(request, **_):
        del request.headers[header]
        request.headers[header] = value

    s3.meta.events.register("before-sign.s3.DeleteObjects", spoil)
    with aws_error(code):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}]})
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"x"


def test_attributes_have_to_be_named(world, s3, bucket, aws_error):
    from botocore.config import Config

    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    careless = world.client("s3", config=Config(parameter_validation=False))
    with aws_error("InvalidRequest", "Missing required header for this request: x-amz-object-attributes"):
        careless.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=[])
