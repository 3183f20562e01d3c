from __future__ import annotations

import csv
import gzip
import json

import pytest


@pytest.fixture
def reports(s3):
    s3.create_bucket(Bucket="reports")
    writer = {"Service": "s3.amazonaws.com"}
    handed_over = {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}
    allow = {
        "Effect": "Allow",
        "Principal": writer,
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::reports/*",
        "Condition": handed_over,
    }
    s3.put_bucket_policy(Bucket="reports", Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    return "reports"


def inventory(**more):
    return {
        "Id": "all",
        "IsEnabled": True,
        "IncludedObjectVersions": "Current",
        "Schedule": {"Frequency": "Daily"},
        "OptionalFields": ["Size", "ETag"],
        "Destination": {"S3BucketDestination": {"Bucket": "arn:aws:s3:::reports", "Format": "CSV", "Prefix": "inv"}},
        **more,
    }


def test_a_list_of_the_bucket_is_delivered_every_night(world, s3, bucket, reports):
    s3.put_bucket_inventory_configuration(Bucket=bucket, Id="all", InventoryConfiguration=inventory())
    etag = s3.put_object(Bucket=bucket, Key="a b", Body=b"xyz")["ETag"].strip('"')
    world.clock.advance(days=1)
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=reports)["Contents"]]
    manifest = json.loads(s3.get_object(Bucket=reports, Key=next(key for key in keys if key.endswith("manifest.json")))["Body"].read())
    assert manifest["fileSchema"] == "Bucket, Key, Size, ETag"
    data = gzip.decompress(s3.get_object(Bucket=reports, Key=manifest["files"][0]["key"])["Body"].read()).decode()
    assert list(csv.reader(data.splitlines())) == [[bucket, "a%20b", "3", etag]]
    assert all(key.startswith(f"inv/{bucket}/all/") for key in keys)
    world.clock.advance(days=1)
    assert len(s3.list_objects_v2(Bucket=reports)["Contents"]) == 2 * len(keys)


def test_formats_that_are_not_written_are_refused(s3, bucket, reports, aws_error):
    orc = {"S3BucketDestination": {"Bucket": "arn:aws:s3:::reports", "Format": "ORC"}}
    with aws_error("NotImplemented"):
        s3.put_bucket_inventory_configuration(Bucket=bucket, Id="all", InventoryConfiguration=inventory(Destination=orc))


def test_configurations_are_listed_read_and_deleted(s3, bucket, reports, aws_error):
    s3.put_bucket_inventory_configuration(Bucket=bucket, Id="all", InventoryConfiguration=inventory())
    assert s3.list_bucket_inventory_configurations(Bucket=bucket)["InventoryConfigurationList"] == [inventory()]
    s3.delete_bucket_inventory_configuration(Bucket=bucket, Id="all")
    with aws_error("NoSuchConfiguration"):
        s3.get_bucket_inventory_configuration(Bucket=bucket, Id="all")


def test_metrics_configurations_are_kept(s3, bucket):
    s3.put_bucket_metrics_configuration(Bucket=bucket, Id="m", MetricsConfiguration={"Id": "m"})
    assert s3.get_bucket_metrics_configuration(Bucket=bucket, Id="m")["MetricsConfiguration"] == {"Id": "m"}
    assert s3.list_bucket_metrics_configurations(Bucket=bucket)["MetricsConfigurationList"] == [{"Id": "m"}]


def test_requesters_must_say_that_they_pay(world, s3, bucket, aws_error):
    allow = {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "Requester"})
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    other = world.client("s3", access_key="111122223333")
    with aws_error("AccessDenied"):
        other.get_object(Bucket=bucket, Key="a")
    assert other.get_object(Bucket=bucket, Key="a", RequestPayer="requester")["RequestCharged"] == "requester"
    assert "RequestCharged" not in s3.get_object(Bucket=bucket, Key="a")


def test_acceleration_is_switched(s3, bucket):
    s3.put_bucket_accelerate_configuration(Bucket=bucket, AccelerateConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_accelerate_configuration(Bucket=bucket)["Status"] == "Enabled"
