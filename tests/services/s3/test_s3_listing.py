from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudjar.services.s3.listing import PATIENCE, after_prefix, walk


def put(s3, bucket, *keys):
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")


def keys_of(answer):
    return [found["Key"] for found in answer.get("Contents", [])]


def prefixes_of(answer):
    return [found["Prefix"] for found in answer.get("CommonPrefixes", [])]


def test_keys_come_in_utf8_order(s3, bucket):
    put(s3, bucket, "b", "a", "é", "Z", "a/1", "\U0001f600", "\uffee")
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == ["Z", "a", "a/1", "b", "é", "\uffee", "\U0001f600"]


def test_a_delimiter_rolls_keys_up(s3, bucket):
    put(s3, bucket, "photos/2024/a", "photos/2024/b", "photos/2025/a", "photos/top", "readme")
    answer = s3.list_objects_v2(Bucket=bucket, Prefix="photos/", Delimiter="/")
    assert (keys_of(answer), prefixes_of(answer), answer["KeyCount"]) == (["photos/top"], ["photos/2024/", "photos/2025/"], 3)


def test_a_delimiter_may_be_longer_than_a_letter(s3, bucket):
    put(s3, bucket, "a--b", "a--c", "a-d")
    answer = s3.list_objects_v2(Bucket=bucket, Delimiter="--")
    assert (keys_of(answer), prefixes_of(answer)) == (["a-d"], ["a--"])


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pages_join_to_the_whole(s3, bucket, size):
    put(s3, bucket, *[f"{folder}/{number}" for folder in "abc" for number in range(3)], "b", "z")
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size}))
    assert [key for page in pages for key in keys_of(page)] == ["b", "z"]
    assert [prefix for page in pages for prefix in prefixes_of(page)] == ["a/", "b/", "c/"]
    assert all(page["KeyCount"] <= size for page in pages)


def test_v1_pages_join_to_the_whole(s3, bucket):
    put(s3, bucket, "a", "b/1", "b/2", "c", "d")
    pages = list(s3.get_paginator("list_objects").paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 2}))
    assert [key for page in pages for key in keys_of(page)] == ["a", "c", "d"]
    assert [prefix for page in pages for prefix in prefixes_of(page)] == ["b/"]


def test_next_marker_comes_with_a_delimiter_only(s3, bucket):
    put(s3, bucket, "a", "b")
    assert "NextMarker" not in s3.list_objects(Bucket=bucket, MaxKeys=1)
    assert s3.list_objects(Bucket=bucket, MaxKeys=1, Delimiter="/")["NextMarker"] == "a"


def test_start_after_need_not_exist(s3, bucket):
    put(s3, bucket, "a", "b", "c")
    assert keys_of(s3.list_objects_v2(Bucket=bucket, StartAfter="aa")) == ["b", "c"]


def test_max_keys_zero_gives_nothing(s3, bucket):
    put(s3, bucket, "a")
    answer = s3.list_objects_v2(Bucket=bucket, MaxKeys=0)
    assert (keys_of(answer), answer["IsTruncated"], answer["KeyCount"]) == ([], False, 0)


def test_a_page_never_holds_more_than_a_thousand(s3, bucket, aws_error):
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=5000)["MaxKeys"] == 1000
    with aws_error("InvalidArgument"):
        s3.list_objects_v2(Bucket=bucket, MaxKeys=-1)


def test_the_owner_comes_when_fetched(s3, bucket):
    put(s3, bucket, "a")
    assert "Owner" not in s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert "ID" in s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"][0]["Owner"]


def test_a_token_that_nobody_gave_out_is_refused(s3, bucket, aws_error):
    with aws_error("InvalidArgument", "continuation token"):
        s3.list_objects_v2(Bucket=bucket, ContinuationToken="*nonsense*")


def test_an_unknown_encoding_is_refused(s3, bucket, aws_error):
    with aws_error("InvalidArgument", "Invalid Encoding Method"):
        s3.list_objects_v2(Bucket=bucket, EncodingType="rot13")


class Item:
    def __init__(self, key):
        self.key = key


def page_of(keys, prefix, delimiter, after, limit):
    def seek(start):
        return iter([Item(key) for key in keys if key >= start])

    return walk(seek(max(prefix, after + "\0" if after else "")), seek, prefix, delimiter, after, limit)


TEXT = st.text(alphabet="ab/\uffff\U0010ffff", max_size=6)


@settings(max_examples=300, deadline=None)
@given(st.sets(TEXT.filter(bool)), TEXT, st.sampled_from(["", "/", "a/"]), st.integers(1, 4))
def test_walking_page_by_page_finds_what_one_look_finds(found, prefix, delimiter, limit):
    keys = sorted(found)
    items, groups = [], []
    for key in keys:
        if key.startswith(prefix):
            end = key.find(delimiter, len(prefix)) if delimiter else -1
            if end < 0:
                items.append(key)
            elif key[: end + len(delimiter)] not in groups:
                groups.append(key[: end + len(delimiter)])
    seen_items, seen_groups, after = [], [], ""
    for _ in range(len(keys) + 1):
        page = page_of(keys, prefix, delimiter, after, limit)
        seen_items += [item.key for item in page.items]
        seen_groups += page.prefixes
        if not page.truncated:
            break
        after = page.last
    assert (seen_items, seen_groups) == (items, groups)


def test_a_large_common_prefix_is_sought_past():
    keys = [f"a/{number:05}" for number in range(10_000)] + ["b"]
    seen = []

    def rows(start):
        for key in keys:
            if key >= start:
                seen.append(key)
                yield Item(key)

    page = walk(rows(""), rows, "", "/", "", 10)
    assert (page.prefixes, [item.key for item in page.items]) == (["a/"], ["b"])
    assert len(seen) < 3 * PATIENCE


@pytest.mark.parametrize(
    ("prefix", "following"), [("a/", "a0"), ("\ud7ff", "\ue000"), ("a\U0010ffff", "b"), ("\U0010ffff", None), ("", None)]
)
def test_after_prefix_is_the_next_text_in_utf8_order(prefix, following):
    assert after_prefix(prefix) == following
