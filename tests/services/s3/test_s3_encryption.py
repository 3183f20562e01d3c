from __future__ import annotations

import os
from io import BytesIO

import pytest

LARGE = os.urandom(300_000)
CUSTOMER = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}


@pytest.fixture
def kms(world):
    return world.client("kms")


@pytest.fixture
def key(kms):
    return kms.create_key()["KeyMetadata"]["Arn"]


def files(world):
    """All that lies in the jar's blobs."""
    directory = world.local.jar.directory
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file() and len(path.name) == 32)


def read(s3, **named):
    return s3.get_object(**named)["Body"].read()


def test_kms_objects_say_so_and_come_back_whole(s3, bucket, key):
    put = s3.put_object(Bucket=bucket, Key="a", Body=LARGE, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"]) == ("aws:kms", key)
    got = s3.get_object(Bucket=bucket, Key="a")
    assert got["Body"].read() == LARGE
    assert got["SSEKMSKeyId"] == key
    assert s3.head_object(Bucket=bucket, Key="a")["ServerSideEncryption"] == "aws:kms"


def test_the_file_does_not_hold_the_plain_bytes(world, s3, bucket, key):
    marker = b"confidential " * 1000
    s3.put_object(Bucket=bucket, Key="plain", Body=b"visible " * 1000)
    s3.put_object(Bucket=bucket, Key="a", Body=marker, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    held = files(world)
    assert b"visible " in held
    assert b"confidential" not in held


def test_the_entity_tag_is_not_the_md5(s3, bucket, key):
    plain = s3.put_object(Bucket=bucket, Key="b", Body=b"x")["ETag"]
    assert s3.put_object(Bucket=bucket, Key="a", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)["ETag"] != plain


@pytest.mark.parametrize(("first", "last"), [(0, 0), (15, 17), (16, 31), (100_001, 299_999)])
def test_any_range_is_decrypted_alone(s3, bucket, key, first, last):
    s3.put_object(Bucket=bucket, Key="a", Body=LARGE, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    assert read(s3, Bucket=bucket, Key="a", Range=f"bytes={first}-{last}") == LARGE[first : last + 1]


def test_a_disabled_key_shuts_its_objects(kms, s3, bucket, key, aws_error):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    kms.disable_key(KeyId=key)
    with aws_error("KMS.DisabledException"):
        s3.get_object(Bucket=bucket, Key="a")


def test_an_unknown_key_is_refused(s3, bucket, aws_error):
    with aws_error("KMS.NotFoundException"):
        s3.put_object(Bucket=bucket, Key="a", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId="alias/none")


def test_without_a_key_the_accounts_own_is_used(kms, s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="a", Body=b"x", ServerSideEncryption="aws:kms")
    assert kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["Arn"] == put["SSEKMSKeyId"]
    assert read(s3, Bucket=bucket, Key="a") == b"x"


def test_the_buckets_default_applies(s3, bucket, key):
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rules = [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}]
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})
    assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"] == rules
    put = s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    assert (put["SSEKMSKeyId"], put["BucketKeyEnabled"]) == (key, True)
    assert s3.put_object(Bucket=bucket, Key="b", Body=b"x", ServerSideEncryption="AES256")["ServerSideEncryption"] == "AES256"
    s3.delete_bucket_encryption(Bucket=bucket)
    assert s3.put_object(Bucket=bucket, Key="c", Body=b"x")["ServerSideEncryption"] == "AES256"


def test_multipart_uploads_are_encrypted_part_by_part(s3, bucket, key):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="a", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    named = {"Bucket": bucket, "Key": "a", "UploadId": upload["UploadId"]}
    pieces = [os.urandom(5 << 20), os.urandom(1000)]
    parts = [{"PartNumber": n, "ETag": s3.upload_part(**named, PartNumber=n, Body=piece)["ETag"]} for n, piece in enumerate(pieces, 1)]
    done = s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    assert done["SSEKMSKeyId"] == key
    assert read(s3, Bucket=bucket, Key="a") == b"".join(pieces)
    assert read(s3, Bucket=bucket, Key="a", Range="bytes=5242870-5242889") == b"".join(pieces)[5242870:5242890]


def test_copies_go_from_one_key_to_another(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key="a", Body=LARGE, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    plain = s3.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/a")
    assert plain["ServerSideEncryption"] == "AES256"
    customer = s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/a", **CUSTOMER)
    assert customer["SSECustomerAlgorithm"] == "AES256"
    assert read(s3, Bucket=bucket, Key="b") == LARGE
    assert read(s3, Bucket=bucket, Key="c", **CUSTOMER) == LARGE


def test_customers_keys_open_what_they_closed(world, s3, bucket, aws_error):
    s3.put_object(Bucket=bucket, Key="a", Body=b"mine alone " * 1000, **CUSTOMER)
    assert b"mine alone" not in files(world)
    assert read(s3, Bucket=bucket, Key="a", **CUSTOMER) == b"mine alone " * 1000
    with aws_error("InvalidRequest"):
        s3.get_object(Bucket=bucket, Key="a")
    with aws_error("AccessDenied"):
        s3.get_object(Bucket=bucket, Key="a", SSECustomerAlgorithm="AES256", SSECustomerKey=b"x" * 32)
    with aws_error("400"):
        s3.head_object(Bucket=bucket, Key="a")
    assert "SSECustomerKeyMD5" in s3.head_object(Bucket=bucket, Key="a", **CUSTOMER)


def test_a_customers_multipart_upload_takes_the_key_with_each_part(s3, bucket, aws_error):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="a", **CUSTOMER)
    named = {"Bucket": bucket, "Key": "a", "UploadId": upload["UploadId"]}
    with aws_error("InvalidRequest"):
        s3.upload_part(**named, PartNumber=1, Body=BytesIO(b"x"))
    part = s3.upload_part(**named, PartNumber=1, Body=b"x", **CUSTOMER)
    s3.complete_multipart_upload(**named, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    assert read(s3, Bucket=bucket, Key="a", **CUSTOMER) == b"x"


def test_a_key_for_what_is_not_encrypted_with_one_is_refused(s3, bucket, aws_error):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    with aws_error("InvalidRequest"):
        s3.get_object(Bucket=bucket, Key="a", **CUSTOMER)


def test_a_caller_without_leave_to_use_the_key_is_denied(world, s3, bucket, key, aws_error):
    iam = world.client("iam")
    iam.create_user(UserName="ann")
    policy = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=policy)
    issued = iam.create_access_key(UserName="ann")["AccessKey"]
    ann = world.client("s3", aws_access_key_id=issued["AccessKeyId"], aws_secret_access_key=issued["SecretAccessKey"])
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    with aws_error("AccessDenied"):
        ann.get_object(Bucket=bucket, Key="a")
