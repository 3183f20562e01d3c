from __future__ import annotations

import hashlib
import zlib
from base64 import b64encode

import pytest
from botocore.config import Config

MIB5 = 5 << 20


def begin(s3, bucket, **options):
    return {"Bucket": bucket, "Key": "k", "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="k", **options)["UploadId"]}


def upload(s3, target, bodies, **options):
    parts = []
    for number, body in enumerate(bodies, 1):
        answer = s3.upload_part(**target, PartNumber=number, Body=body, **options)
        parts.append({"PartNumber": number, **{k: v for k, v in answer.items() if k == "ETag" or k.startswith("Checksum")}})
    return parts


@pytest.fixture
def plain(world):
    """A client that sends no checksums of its own accord."""
    return world.client("s3", config=Config(request_checksum_calculation="when_required"))


def test_parts_become_one_object(s3, bucket):
    bodies = [b"a" * MIB5, b"b" * MIB5, b"end"]
    target = begin(s3, bucket, ContentType="text/plain", Metadata={"m": "1"}, Tagging="t=1")
    parts = upload(s3, target, bodies)
    answer = s3.complete_multipart_upload(**target, MultipartUpload={"Parts": parts})
    digests = b"".join(hashlib.md5(body).digest() for body in bodies)
    assert answer["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"".join(bodies)
    assert (got["ContentType"], got["Metadata"], got["TagCount"]) == ("text/plain", {"m": "1"}, 1)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_a_range_may_span_parts(s3, bucket):
    target = begin(s3, bucket)
    s3.complete_multipart_upload(**target, MultipartUpload={"Parts": upload(s3, target, [b"a" * MIB5, b"b" * 10])})
    got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={MIB5 - 3}-{MIB5 + 3}")
    assert got["Body"].read() == b"aaabbbb"


def test_a_part_can_be_read_by_its_number(s3, bucket, aws_error):
    target = begin(s3, bucket)
    s3.complete_multipart_upload(**target, MultipartUpload={"Parts": upload(s3, target, [b"a" * MIB5, b"b" * 10])})
    got = s3.get_object(Bucket=bucket, Key="k", PartNumber=2)
    assert (got["Body"].read(), got["PartsCount"], got["ContentRange"]) == (b"b" * 10, 2, f"bytes {MIB5}-{MIB5 + 9}/{MIB5 + 10}")
    with aws_error("InvalidPartNumber"):
        s3.get_object(Bucket=bucket, Key="k", PartNumber=3)


def test_a_composite_checksum_is_the_checksum_of_checksums(s3, bucket):
    bodies = [b"a" * MIB5, b"tail"]
    target = begin(s3, bucket, ChecksumAlgorithm="SHA256")
    parts = upload(s3, target, bodies, ChecksumAlgorithm="SHA256")
    answer = s3.complete_multipart_upload(**target, MultipartUpload={"Parts": parts})
    digests = b"".join(hashlib.sha256(body).digest() for body in bodies)
    expected = b64encode(hashlib.sha256(digests).digest()).decode()
    assert (answer["ChecksumSHA256"], answer["ChecksumType"]) == (f"{expected}-2", "COMPOSITE")
    wanted = ["Checksum", "ObjectParts"]
    got = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=wanted)
    assert got["Checksum"]["ChecksumSHA256"] == expected
    assert [(part["PartNumber"], part["Size"]) for part in got["ObjectParts"]["Parts"]] == [(1, MIB5), (2, 4)]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
def test_a_full_object_checksum_is_that_of_all_bytes(plain, bucket, algorithm):
    from cloudjar.wire import checksums

    bodies = [b"a" * MIB5, bytes(range(256)) * 20481, b"tail"]
    target = begin(plain, bucket, ChecksumAlgorithm=algorithm, ChecksumType="FULL_OBJECT")

    def checksum(data):
        running = checksums.new(algorithm)
        running.update(data)
        return b64encode(running.digest()).decode()

    parts = []
    for number, body in enumerate(bodies, 1):
        value = {f"Checksum{algorithm}": checksum(body)}
        parts.append({"PartNumber": number, "ETag": plain.upload_part(**target, PartNumber=number, Body=body, **value)["ETag"]})
    expected = checksum(b"".join(bodies))
    answer = plain.complete_multipart_upload(**target, MultipartUpload={"Parts": parts}, **{f"Checksum{algorithm}": expected})
    assert (answer[f"Checksum{algorithm}"], answer["ChecksumType"]) == (expected, "FULL_OBJECT")


def test_a_wrong_checksum_of_the_whole_is_refused(plain, bucket, aws_error):
    target = begin(plain, bucket, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    parts = upload(plain, target, [b"x"], ChecksumAlgorithm="CRC32")
    wrong = b64encode(zlib.crc32(b"y").to_bytes(4, "big")).decode()
    with aws_error("BadDigest"):
        plain.complete_multipart_upload(**target, MultipartUpload={"Parts": parts}, ChecksumCRC32=wrong)


def test_an_upload_without_checksums_gets_one_of_s3s_own(plain, bucket):
    target = {"Bucket": bucket, "Key": "k"}
    plain.meta.events.register("before-parameter-build.s3.CreateMultipartUpload", lambda params, **_: params.pop("ChecksumAlgorithm", None))
    target = begin(plain, bucket)
    answer = plain.complete_multipart_upload(**target, MultipartUpload={"Parts": upload(plain, target, [b"123456789"])})
    assert (answer["ChecksumCRC64NVME"], answer["ChecksumType"]) == ("rosUhgp5mIg=", "FULL_OBJECT")


def test_parts_must_keep_to_the_uploads_algorithm(plain, bucket, aws_error):
    target = begin(plain, bucket, ChecksumAlgorithm="SHA256")
    with aws_error("InvalidRequest", "expected checksum Type: sha256, actual checksum Type: null"):
        plain.upload_part(**target, PartNumber=1, Body=b"x")
    with aws_error("InvalidRequest", "expected checksum Type: sha256, actual checksum Type: crc32"):
        plain.upload_part(**target, PartNumber=1, Body=b"x", ChecksumAlgorithm="CRC32")


def test_composite_uploads_want_each_parts_checksum_at_the_end(s3, bucket, aws_error):
    target = begin(s3, bucket, ChecksumAlgorithm="SHA256")
    parts = upload(s3, target, [b"x"], ChecksumAlgorithm="SHA256")
    del parts[0]["ChecksumSHA256"]
    with aws_error("InvalidRequest", "It was missing for part 1"):
        s3.complete_multipart_upload(**target, MultipartUpload={"Parts": parts})


def test_all_parts_but_the_last_are_at_least_5_mib(s3, bucket, aws_error):
    target = begin(s3, bucket)
    parts = upload(s3, target, [b"small", b"end"])
    with aws_error("EntityTooSmall"):
        s3.complete_multipart_upload(**target, MultipartUpload={"Parts": parts})


def test_parts_must_be_there_and_in_order(s3, bucket, aws_error):
    target = begin(s3, bucket)
    parts = upload(s3, target, [b"a" * MIB5, b"b"])
    with aws_error("InvalidPartOrder"):
        s3.complete_multipart_upload(**target, MultipartUpload={"Parts": parts[::-1]})
    with aws_error("InvalidPart"):
        s3.complete_multipart_upload(**target, MultipartUpload={"Parts": [{**parts[0], "PartNumber": 9}]})
    with aws_error("InvalidPart"):
        s3.complete_multipart_upload(**target, MultipartUpload={"Parts": [{**parts[0], "ETag": '"0"'}]})
    with aws_error("MalformedXML"):
        s3.complete_multipart_upload(**target, MultipartUpload={"Parts": []})


def test_a_part_sent_again_replaces_the_first(s3, bucket):
    target = begin(s3, bucket)
    upload(s3, target, [b"first"])
    s3.complete_multipart_upload(**target, MultipartUpload={"Parts": upload(s3, target, [b"second"])})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"second"


def test_parts_left_out_are_not_in_the_object(s3, bucket):
    target = begin(s3, bucket)
    parts = upload(s3, target, [b"one", b"two"])
    s3.complete_multipart_upload(**target, MultipartUpload={"Parts": parts[1:]})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"two"


def test_part_numbers_go_from_1_to_10000(s3, bucket, aws_error):
    target = begin(s3, bucket)
    for number in (0, 10_001):
        with aws_error("InvalidArgument", "between 1 and 10000"):
            s3.upload_part(**target, PartNumber=number, Body=b"x")


def test_an_aborted_upload_is_gone(s3, bucket, aws_error):
    target = begin(s3, bucket)
    parts = upload(s3, target, [b"x"])
    s3.abort_multipart_upload(**target)
    with aws_error("NoSuchUpload"):
        s3.complete_multipart_upload(**target, MultipartUpload={"Parts": parts})
    with aws_error("NoSuchUpload"):
        s3.upload_part(**target, PartNumber=1, Body=b"x")


def test_parts_are_listed_in_pages(s3, bucket):
    target = begin(s3, bucket)
    upload(s3, target, [b"1", b"22", b"333"])
    first = s3.list_parts(**target, MaxParts=2)
    assert [(p["PartNumber"], p["Size"]) for p in first["Parts"]] == [(1, 1), (2, 2)]
    rest = s3.list_parts(**target, PartNumberMarker=first["NextPartNumberMarker"])
    assert ([(p["PartNumber"], p["Size"]) for p in rest["Parts"]], rest["IsTruncated"]) == ([(3, 3)], False)


@pytest.mark.parametrize("size", [1, 2, 10])
def test_uploads_are_listed_in_pages_by_key_and_age(s3, bucket, world, size):
    expected = []
    for key in ("a", "a", "b/1", "b/2", "c"):
        expected.append((key, s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]))
        world.clock.advance(seconds=1)
    pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, PaginationConfig={"PageSize": size})
    assert [(u["Key"], u["UploadId"]) for page in pages for u in page["Uploads"]] == expected
    rolled = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [p["Prefix"] for p in rolled["CommonPrefixes"]] == ["b/"]


def test_completion_on_condition(s3, bucket, aws_error):
    s3.put_object(Bucket=bucket, Key="k", Body=b"there")
    target = begin(s3, bucket)
    parts = upload(s3, target, [b"x"])
    with aws_error("PreconditionFailed"):
        s3.complete_multipart_upload(**target, MultipartUpload={"Parts": parts}, IfNoneMatch="*")


def test_parts_are_copied_from_objects(s3, bucket, aws_error):
    s3.put_object(Bucket=bucket, Key="source", Body=b"a" * MIB5 + b"0123456789")
    target = begin(s3, bucket)
    source = {"Bucket": bucket, "Key": "source"}
    one = s3.upload_part_copy(**target, PartNumber=1, CopySource=source)["CopyPartResult"]
    two = s3.upload_part_copy(**target, PartNumber=2, CopySource=source, CopySourceRange=f"bytes={MIB5 + 2}-{MIB5 + 4}")["CopyPartResult"]
    assert two["ETag"] == f'"{hashlib.md5(b"234").hexdigest()}"'
    parts = [{"PartNumber": n, **{k: v for k, v in p.items() if k != "LastModified"}} for n, p in ((1, one), (2, two))]
    s3.complete_multipart_upload(**target, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=bucket, Key="k", Range="bytes=-5")["Body"].read() == b"89234"
    with aws_error("InvalidArgument", "Range specified is not valid"):
        s3.upload_part_copy(**target | begin(s3, bucket), PartNumber=2, CopySource=source, CopySourceRange="bytes=0-99999999")


def test_deleting_a_bucket_forgets_its_uploads(s3, bucket, aws_error):
    target = begin(s3, bucket)
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    with aws_error("NoSuchUpload"):
        s3.list_parts(**target)


def test_completing_once_more_gets_the_same_answer(s3, bucket):
    named = {"Bucket": bucket, "Key": "again", "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="again")["UploadId"]}
    part = {"PartNumber": 1, "ETag": s3.upload_part(**named, PartNumber=1, Body=b"x")["ETag"]}
    first = s3.complete_multipart_upload(**named, MultipartUpload={"Parts": [part]})
    assert s3.complete_multipart_upload(**named, MultipartUpload={"Parts": [part]})["ETag"] == first["ETag"]
