from __future__ import annotations

import pytest


def rule(**actions):
    return {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, **actions}


@pytest.fixture
def put(s3, bucket):
    def put(*rules):
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": list(rules)})

    return put


def keys(s3, bucket):
    return [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_a_configuration_is_put_read_and_deleted(s3, bucket, put, aws_error):
    put(rule(Expiration={"Days": 3}))
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [rule(Expiration={"Days": 3})]
    s3.delete_bucket_lifecycle(Bucket=bucket)
    with aws_error("NoSuchLifecycleConfiguration"):
        s3.get_bucket_lifecycle_configuration(Bucket=bucket)


def test_objects_expire_when_their_days_are_over(world, s3, bucket, put):
    put(rule(Expiration={"Days": 3}, Filter={"Prefix": "tmp/"}))
    s3.put_object(Bucket=bucket, Key="tmp/a", Body=b"x")
    s3.put_object(Bucket=bucket, Key="keep", Body=b"x")
    assert 'rule-id="r"' in s3.head_object(Bucket=bucket, Key="tmp/a")["Expiration"]
    world.clock.advance(days=2)
    assert keys(s3, bucket) == ["keep", "tmp/a"]
    world.clock.advance(days=3)
    assert keys(s3, bucket) == ["keep"]


def test_rules_run_on_every_later_day_and_not_once_deleted(world, s3, bucket, put):
    put(rule(Expiration={"Days": 1}))
    world.clock.advance(days=10)
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    world.clock.advance(days=3)
    assert keys(s3, bucket) == []
    s3.delete_bucket_lifecycle(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="b", Body=b"x")
    world.clock.advance(days=10)
    assert keys(s3, bucket) == ["b"]


def test_more_keys_than_one_batch_expire_in_one_night(world, s3, bucket, put):
    for number in range(520):
        s3.put_object(Bucket=bucket, Key=f"{number:04}", Body=b"")
    put(rule(Expiration={"Days": 1}))
    world.clock.advance(days=2, seconds=1)
    assert keys(s3, bucket) == []


def test_filters_are_by_tag_and_size_together(world, s3, bucket, put):
    both = {"And": {"Prefix": "a", "Tags": [{"Key": "t", "Value": "1"}], "ObjectSizeGreaterThan": 2}}
    put(rule(Expiration={"Days": 1}, Filter=both))
    s3.put_object(Bucket=bucket, Key="a1", Body=b"xxx", Tagging="t=1")
    s3.put_object(Bucket=bucket, Key="a2", Body=b"xx", Tagging="t=1")
    s3.put_object(Bucket=bucket, Key="a3", Body=b"xxx")
    world.clock.advance(days=3)
    assert keys(s3, bucket) == ["a2", "a3"]


def test_large_objects_move_to_colder_classes_and_small_ones_stay(world, s3, bucket, put):
    put(rule(Transitions=[{"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 90, "StorageClass": "GLACIER"}]))
    s3.put_object(Bucket=bucket, Key="large", Body=bytes(200_000))
    s3.put_object(Bucket=bucket, Key="small", Body=b"x")
    world.clock.advance(days=32)
    assert s3.head_object(Bucket=bucket, Key="large")["StorageClass"] == "STANDARD_IA"
    world.clock.advance(days=60)
    assert s3.head_object(Bucket=bucket, Key="large")["StorageClass"] == "GLACIER"
    assert "StorageClass" not in s3.head_object(Bucket=bucket, Key="small")


def test_in_a_versioned_bucket_expiry_leaves_a_marker_then_versions_go(world, s3, versioned, put):
    put(
        rule(
            Expiration={"Days": 1},
            NoncurrentVersionExpiration={"NoncurrentDays": 5},
        ),
        rule(ID="markers", Expiration={"ExpiredObjectDeleteMarker": True}),
    )
    s3.put_object(Bucket=versioned, Key="a", Body=b"1")
    world.clock.advance(days=2, seconds=1)
    found = s3.list_object_versions(Bucket=versioned)
    assert (len(found["DeleteMarkers"]), len(found["Versions"])) == (1, 1)
    world.clock.advance(days=8)
    found = s3.list_object_versions(Bucket=versioned)
    assert "Versions" not in found
    assert "DeleteMarkers" not in found


def test_the_newest_noncurrent_versions_can_be_kept(world, s3, versioned, put):
    put(rule(NoncurrentVersionExpiration={"NoncurrentDays": 1, "NewerNoncurrentVersions": 1}))
    for body in (b"1", b"2", b"3"):
        s3.put_object(Bucket=versioned, Key="a", Body=body)
    world.clock.advance(days=4)
    sizes = [
        s3.get_object(Bucket=versioned, Key="a", VersionId=item["VersionId"])["Body"].read()
        for item in s3.list_object_versions(Bucket=versioned)["Versions"]
    ]
    assert sizes == [b"3", b"2"]


def test_forgotten_uploads_are_aborted(world, s3, bucket, put):
    put(rule(AbortIncompleteMultipartUpload={"DaysAfterInitiation": 2}))
    s3.create_multipart_upload(Bucket=bucket, Key="a")
    world.clock.advance(days=1)
    assert len(s3.list_multipart_uploads(Bucket=bucket)["Uploads"]) == 1
    world.clock.advance(days=3)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


@pytest.mark.parametrize(
    ("actions", "code"),
    [
        ({}, "InvalidRequest"),
        ({"Expiration": {"Days": 0}}, "InvalidArgument"),
        ({"Transitions": [{"Days": 3, "StorageClass": "STANDARD_IA"}]}, "InvalidArgument"),
        ({"Expiration": {"Days": 1}, "Prefix": "a"}, "MalformedXML"),
    ],
)
def test_rules_that_s3_refuses_are_refused(put, aws_error, actions, code):
    with aws_error(code):
        put(rule(**actions))


def test_an_archived_object_is_readable_after_its_restore_and_for_its_days(world, s3, bucket, aws_error):
    s3.put_object(Bucket=bucket, Key="a", Body=b"cold", StorageClass="GLACIER")
    with aws_error("InvalidObjectState"):
        s3.get_object(Bucket=bucket, Key="a")
    s3.restore_object(Bucket=bucket, Key="a", RestoreRequest={"Days": 2, "GlacierJobParameters": {"Tier": "Standard"}})
    assert s3.head_object(Bucket=bucket, Key="a")["Restore"] == 'ongoing-request="true"'
    with aws_error("RestoreAlreadyInProgress"):
        s3.restore_object(Bucket=bucket, Key="a", RestoreRequest={"Days": 2})
    world.clock.advance(hours=5, seconds=1)
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"cold"
    assert s3.head_object(Bucket=bucket, Key="a")["Restore"].startswith('ongoing-request="false"')
    world.clock.advance(days=4)
    with aws_error("InvalidObjectState"):
        s3.get_object(Bucket=bucket, Key="a")


def test_only_archived_objects_are_restored(s3, bucket, aws_error):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    with aws_error("InvalidObjectState"):
        s3.restore_object(Bucket=bucket, Key="a", RestoreRequest={"Days": 1})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Status": "On"}, "MalformedXML"),
        ({"Transitions": [{"Days": 1, "StorageClass": "COLD"}]}, "MalformedXML"),
        ({"Transitions": [{"Days": -1, "StorageClass": "GLACIER"}]}, "InvalidArgument"),
        ({"NoncurrentVersionTransitions": [{"NoncurrentDays": 1, "StorageClass": "STANDARD_IA"}]}, "InvalidArgument"),
        ({"NoncurrentVersionTransitions": [{"StorageClass": "GLACIER"}]}, "MalformedXML"),
    ],
)
def test_rules_with_unknown_words_or_days_are_refused(s3, bucket, aws_error, change, code):
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 100}, **change}
    with aws_error(code):
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})


def test_small_objects_are_archived_where_the_minimum_varies(world, s3, bucket):
    s3.put_object(Bucket=bucket, Key="small", Body=b"x")
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": [rule]}, TransitionDefaultMinimumObjectSize="varies_by_storage_class"
    )
    world.clock.advance(days=3)
    assert s3.head_object(Bucket=bucket, Key="small")["StorageClass"] == "GLACIER"


def test_a_rule_of_more_days_than_there_are_dates_never_fires(world, s3, bucket):
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 2**31 - 1}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    world.clock.advance(days=3)
    assert "9999" in s3.head_object(Bucket=bucket, Key="k")["Expiration"]


IA, GLACIER = "STANDARD_IA", "GLACIER"


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"Transitions": [{"Days": 30, "StorageClass": IA}, {"Days": 59, "StorageClass": GLACIER}]}, "InvalidArgument"),
        ({"Transitions": [{"Days": 30, "StorageClass": GLACIER}, {"Days": 60, "StorageClass": GLACIER}]}, "InvalidArgument"),
        (
            {"Transitions": [{"Days": 30, "StorageClass": IA}, {"Date": "2040-01-01T00:00:00Z", "StorageClass": GLACIER}]},
            "InvalidRequest",
        ),
        ({"Transitions": [{"Days": 30, "StorageClass": IA}], "Expiration": {"Date": "2040-01-01T00:00:00Z"}}, "InvalidRequest"),
        ({"Expiration": {"Days": 1}, "Filter": {"And": {"Prefix": "a"}}}, "MalformedXML"),
        ({"Expiration": {"Days": 1}, "Filter": {"And": {"ObjectSizeGreaterThan": 5, "ObjectSizeLessThan": 5}}}, "InvalidRequest"),
        (
            {"Expiration": {"Days": 1}, "Filter": {"And": {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}}},
            "InvalidRequest",
        ),
        ({"Expiration": {"ExpiredObjectDeleteMarker": True}, "Filter": {"Tag": {"Key": "a", "Value": "b"}}}, "InvalidRequest"),
        ({"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}, "Filter": {"ObjectSizeLessThan": 5}}, "InvalidRequest"),
        ({"NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 101}}, "InvalidArgument"),
    ],
)
def test_rules_that_contradict_themselves(put, aws_error, wanted, code):
    with aws_error(code):
        put(rule(**wanted))
    put(rule(Transitions=[{"Days": 30, "StorageClass": IA}, {"Days": 60, "StorageClass": GLACIER}], Expiration={"Days": 90}))
