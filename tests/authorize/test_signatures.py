"""Signatures of keys that IAM and STS issued, verified in front of every operation."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def change(client, **changes):
    """Has a client's requests altered after they were signed: headers by name, `body`, `url`."""

    def alter(request, **_):
        for name, value in changes.items():
            if name in ("body", "url"):
                setattr(request, name, value)
            else:
                if name in request.headers:
                    del request.headers[name]
                if value is not None:
                    request.headers[name] = value

    client.meta.events.register("before-send", alter)
    return client


def test_a_right_signature_lets_a_user_in(person):
    ann = person("ann")
    assert ann.client("sts").get_caller_identity()["Arn"] == ann.arn


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "expected"),
    [
        ("sts", "get_caller_identity", {}, "SignatureDoesNotMatch"),
        ("s3", "list_buckets", {}, "SignatureDoesNotMatch"),
        ("logs", "describe_log_groups", {}, "InvalidSignatureException"),
        ("lambda", "list_functions", {}, "InvalidSignatureException"),
    ],
)
def test_a_wrong_secret_is_refused_in_the_services_words(world, person, service, operation, arguments, expected):
    client = world.client(service, access_key=person("ann").key, secret="wrong")
    assert code_of(getattr(client, operation), **arguments) == expected


@pytest.mark.parametrize(
    ("service", "operation", "expected"),
    [
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
        ("logs", "describe_log_groups", "UnrecognizedClientException"),
    ],
)
def test_a_key_that_nobody_issued_is_refused(world, service, operation, expected):
    client = world.client(service, access_key="AKIAQQQQQQQQQQQQQQQQ", secret="x")
    assert code_of(getattr(client, operation)) == expected


@pytest.mark.parametrize("key", ["test", "testing", "dummy", "AKIAIOSFODNN7EXAMPLE"])
def test_placeholders_are_the_default_accounts_root(world, key):
    assert world.client("sts", access_key=key, secret="anything").get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:root"


def test_an_inactive_key_is_refused(person):
    ann = person("ann")
    ann.iam.update_access_key(UserName="ann", AccessKeyId=ann.key, Status="Inactive")
    assert code_of(ann.client("sts").get_caller_identity) == "InvalidClientTokenId"


def test_a_tampered_body_is_refused(person):
    ann = person("ann", {"Action": "*"})
    iam = change(ann.client("iam"), body=b"Action=CreateUser&Version=2010-05-08&UserName=mallory")
    assert code_of(iam.get_user, UserName="ann") == "SignatureDoesNotMatch"


def test_a_tampered_upload_is_refused_and_changes_nothing(world, person):
    ann = person("ann", {"Action": "s3:*"})
    world.client("s3").create_bucket(Bucket="tampered")
    s3 = change(ann.client("s3", config=Config(request_checksum_calculation="when_required")), body=b"forged")
    assert code_of(s3.put_object, Bucket="tampered", Key="k", Body=b"honest") == "XAmzContentSHA256Mismatch"
    assert "Contents" not in world.client("s3").list_objects_v2(Bucket="tampered")


def test_an_old_date_is_refused(person):
    stale = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y%m%dT%H%M%SZ")
    ann = person("ann", {"Action": "*"})
    assert code_of(change(ann.client("s3"), **{"X-Amz-Date": stale}).list_buckets) in (
        "RequestTimeTooSkewed",
        "AuthorizationHeaderMalformed",
    )


def test_an_unsigned_amz_header_is_refused_by_s3(world, person):
    world.client("s3").create_bucket(Bucket="loose")
    s3 = change(person("ann", {"Action": "s3:*"}).client("s3"), **{"x-amz-acl": "public-read"})
    assert code_of(s3.put_object, Bucket="loose", Key="k", Body=b"") == "AccessDenied"


def test_stripping_the_signature_makes_the_caller_anonymous(world, person):
    world.client("s3").create_bucket(Bucket="stripped")
    ann = person("ann", {"Action": "*"})
    assert code_of(change(ann.client("s3"), Authorization=None).list_objects_v2, Bucket="stripped") == "AccessDenied"
    assert code_of(change(ann.client("iam"), Authorization=None).list_users) in ("MissingAuthenticationToken", "AccessDenied", "404")


def test_a_request_for_another_region_than_its_host_is_refused(person):
    ann = person("ann", {"Action": "*"})
    client = change(ann.client("logs", region="eu-central-1"), Host="logs.us-east-1.amazonaws.com")
    assert code_of(client.describe_log_groups) == "InvalidSignatureException"


def test_a_signature_for_another_service_is_refused(person):
    ann = person("ann", {"Action": "*"})
    logs = change(ann.client("logs"), **{"X-Amz-Target": "DynamoDB_20120810.ListTables"})
    assert code_of(logs.describe_log_groups) in ("InvalidSignatureException", "NotImplemented")


def test_session_credentials_need_their_token(world, person):
    ann = person("ann", {"Action": "*"})
    given = ann.client("sts").get_session_token()["Credentials"]
    keys = {"access_key": given["AccessKeyId"], "secret": given["SecretAccessKey"]}
    assert world.client("sts", session_token=given["SessionToken"], **keys).get_caller_identity()["Arn"] == ann.arn
    assert code_of(world.client("sts", **keys).get_caller_identity) == "InvalidClientTokenId"


def test_a_token_of_another_session_is_refused(world, person):
    sts = person("ann", {"Action": "*"}).client("sts")
    one, two = sts.get_session_token()["Credentials"], sts.get_session_token()["Credentials"]
    mixed = world.client("sts", access_key=one["AccessKeyId"], secret=one["SecretAccessKey"], session_token=two["SessionToken"])
    assert code_of(mixed.get_caller_identity) == "InvalidClientTokenId"


def test_temporary_credentials_end_with_the_worlds_time(world, person):
    given = person("ann").client("sts").get_session_token(DurationSeconds=900)["Credentials"]
    client = world.client("sts", access_key=given["AccessKeyId"], secret=given["SecretAccessKey"], session_token=given["SessionToken"])
    world.clock.advance(seconds=901)
    assert code_of(client.get_caller_identity) == "ExpiredToken"


def test_a_stream_in_signed_chunks_is_verified_chunk_by_chunk(world, person):
    world.client("s3").create_bucket(Bucket="chunks")
    ann = person("ann", {"Action": "s3:*"})
    s3 = ann.client("s3")
    s3.put_object(Bucket="chunks", Key="k", Body=io.BytesIO(b"x" * 200_000))
    assert s3.get_object(Bucket="chunks", Key="k")["Body"].read() == b"x" * 200_000


def test_when_a_key_was_last_used_is_known(person):
    ann = person("ann")
    ann.client("sts").get_caller_identity()
    used = ann.iam.get_access_key_last_used(AccessKeyId=ann.key)["AccessKeyLastUsed"]
    assert (used["ServiceName"], used["Region"]) == ("sts", "us-east-1")
    assert used["LastUsedDate"]
