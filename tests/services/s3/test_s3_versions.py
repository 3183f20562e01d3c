from __future__ import annotations


def ids(s3, bucket, **options):
    answer = s3.list_object_versions(Bucket=bucket, **options)
    return [(v["Key"], v["VersionId"]) for v in answer.get("Versions", [])]


def read(s3, bucket, key, **options):
    return s3.get_object(Bucket=bucket, Key=key, **options)["Body"].read()


def test_a_bucket_that_never_had_versions_has_no_status(s3, bucket):
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert "VersionId" not in s3.put_object(Bucket=bucket, Key="k", Body=b"")


def test_each_put_makes_a_version_that_can_be_read(s3, versioned):
    first = s3.put_object(Bucket=versioned, Key="k", Body=b"1")["VersionId"]
    second = s3.put_object(Bucket=versioned, Key="k", Body=b"2")["VersionId"]
    assert read(s3, versioned, "k") == b"2"
    assert read(s3, versioned, "k", VersionId=first) == b"1"
    assert ids(s3, versioned) == [("k", second), ("k", first)]
    assert s3.head_object(Bucket=versioned, Key="k")["VersionId"] == second


def test_a_delete_hides_behind_a_marker(s3, versioned, aws_error):
    version = s3.put_object(Bucket=versioned, Key="k", Body=b"1")["VersionId"]
    answer = s3.delete_object(Bucket=versioned, Key="k")
    assert answer["DeleteMarker"] is True
    with aws_error("NoSuchKey") as caught:
        s3.get_object(Bucket=versioned, Key="k")
    headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert (headers["x-amz-delete-marker"], headers["x-amz-version-id"]) == ("true", answer["VersionId"])
    assert read(s3, versioned, "k", VersionId=version) == b"1"
    assert "Contents" not in s3.list_objects_v2(Bucket=versioned)


def test_a_delete_marker_cannot_be_read(s3, versioned, aws_error):
    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    with aws_error("MethodNotAllowed"):
        s3.get_object(Bucket=versioned, Key="k", VersionId=marker)
    with aws_error("405"):
        s3.head_object(Bucket=versioned, Key="k", VersionId=marker)


def test_deleting_the_marker_brings_the_object_back(s3, versioned):
    s3.put_object(Bucket=versioned, Key="k", Body=b"1")
    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    answer = s3.delete_object(Bucket=versioned, Key="k", VersionId=marker)
    assert (answer["DeleteMarker"], answer["VersionId"]) == (True, marker)
    assert read(s3, versioned, "k") == b"1"


def test_deleting_the_newest_version_brings_the_one_below_to_light(s3, versioned):
    s3.put_object(Bucket=versioned, Key="k", Body=b"1")
    newest = s3.put_object(Bucket=versioned, Key="k", Body=b"2")["VersionId"]
    s3.delete_object(Bucket=versioned, Key="k", VersionId=newest)
    assert read(s3, versioned, "k") == b"1"


def test_deleting_a_version_below_a_marker_leaves_the_marker(s3, versioned, aws_error):
    first = s3.put_object(Bucket=versioned, Key="k", Body=b"1")["VersionId"]
    s3.put_object(Bucket=versioned, Key="k", Body=b"2")
    s3.delete_object(Bucket=versioned, Key="k")
    s3.delete_object(Bucket=versioned, Key="k", VersionId=first)
    with aws_error("NoSuchKey"):
        s3.get_object(Bucket=versioned, Key="k")


def test_what_was_there_before_versioning_is_the_null_version(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    new = s3.put_object(Bucket=bucket, Key="k", Body=b"new")["VersionId"]
    assert ids(s3, bucket) == [("k", new), ("k", "null")]
    assert read(s3, bucket, "k", VersionId="null") == b"old"


def test_suspended_versioning_keeps_one_null_version(s3, versioned):
    kept = s3.put_object(Bucket=versioned, Key="k", Body=b"kept")["VersionId"]
    s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Suspended"})
    assert s3.put_object(Bucket=versioned, Key="k", Body=b"null 1")["VersionId"] == "null"
    s3.put_object(Bucket=versioned, Key="k", Body=b"null 2")
    assert ids(s3, versioned) == [("k", "null"), ("k", kept)]
    assert read(s3, versioned, "k") == b"null 2"


def test_a_delete_under_suspended_versioning_replaces_the_null_version(s3, versioned):
    kept = s3.put_object(Bucket=versioned, Key="k", Body=b"kept")["VersionId"]
    s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket=versioned, Key="k", Body=b"null")
    assert s3.delete_object(Bucket=versioned, Key="k")["VersionId"] == "null"
    answer = s3.list_object_versions(Bucket=versioned)
    assert [v["VersionId"] for v in answer["Versions"]] == [kept]
    assert [v["VersionId"] for v in answer["DeleteMarkers"]] == ["null"]


def test_a_null_version_deep_down_is_replaced_too(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"null 1")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    middle = s3.put_object(Bucket=bucket, Key="k", Body=b"middle")["VersionId"]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"null 2")
    assert ids(s3, bucket) == [("k", "null"), ("k", middle)]
    assert read(s3, bucket, "k", VersionId="null") == b"null 2"


def test_versions_are_listed_newest_first_and_say_which_is_latest(s3, versioned):
    for key in ("a", "b"):
        for body in (b"1", b"2"):
            s3.put_object(Bucket=versioned, Key=key, Body=body)
    s3.delete_object(Bucket=versioned, Key="b")
    answer = s3.list_object_versions(Bucket=versioned)
    assert [(v["Key"], v["IsLatest"]) for v in answer["Versions"]] == [("a", True), ("a", False), ("b", False), ("b", False)]
    assert [(v["Key"], v["IsLatest"]) for v in answer["DeleteMarkers"]] == [("b", True)]


def test_pages_of_versions_join_to_the_whole(s3, versioned):
    for number in range(7):
        s3.put_object(Bucket=versioned, Key="abc"[number % 3], Body=b"")
    s3.delete_object(Bucket=versioned, Key="b")
    whole = s3.list_object_versions(Bucket=versioned)
    for size in (1, 2, 3):
        pages = list(s3.get_paginator("list_object_versions").paginate(Bucket=versioned, PaginationConfig={"PageSize": size}))
        for kind in ("Versions", "DeleteMarkers"):
            assert [v for page in pages for v in page.get(kind, [])] == whole[kind]


def test_versions_roll_up_at_a_delimiter(s3, versioned):
    for key in ("a/1", "a/2", "b"):
        s3.put_object(Bucket=versioned, Key=key, Body=b"")
    answer = s3.list_object_versions(Bucket=versioned, Delimiter="/")
    assert [v["Key"] for v in answer["Versions"]] == ["b"]
    assert [p["Prefix"] for p in answer["CommonPrefixes"]] == ["a/"]


def test_version_ids_that_never_were_are_told_apart(s3, versioned, aws_error):
    s3.put_object(Bucket=versioned, Key="k", Body=b"")
    with aws_error("NoSuchVersion"):
        s3.get_object(Bucket=versioned, Key="k", VersionId="A" * 32)
    with aws_error("InvalidArgument", "Invalid version id specified"):
        s3.get_object(Bucket=versioned, Key="k", VersionId="nonsense")


def test_deleting_many_makes_markers(s3, versioned):
    version = s3.put_object(Bucket=versioned, Key="k", Body=b"")["VersionId"]
    marked = s3.delete_objects(Bucket=versioned, Delete={"Objects": [{"Key": "k"}]})["Deleted"][0]
    assert marked["DeleteMarker"] is True
    objects = [{"Key": "k", "VersionId": version}, {"Key": "k", "VersionId": marked["DeleteMarkerVersionId"]}]
    s3.delete_objects(Bucket=versioned, Delete={"Objects": objects})
    assert "Versions" not in (answer := s3.list_object_versions(Bucket=versioned)) and "DeleteMarkers" not in answer


def test_tags_belong_to_a_version(s3, versioned):
    first = s3.put_object(Bucket=versioned, Key="k", Body=b"", Tagging="n=1")["VersionId"]
    s3.put_object(Bucket=versioned, Key="k", Body=b"", Tagging="n=2")
    assert s3.get_object_tagging(Bucket=versioned, Key="k", VersionId=first)["TagSet"] == [{"Key": "n", "Value": "1"}]


def test_a_status_is_demanded(s3, bucket, aws_error):
    with aws_error("IllegalVersioningConfigurationException"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={})
