"""CloudWatch Logs through boto3."""

import json

import pytest
from botocore.config import Config


@pytest.fixture
def logs(world):
    return world.client("logs")


@pytest.fixture
def stream(world, logs):
    world.clock.freeze()
    logs.create_log_group(logGroupName="/app")
    logs.create_log_stream(logGroupName="/app", logStreamName="one")
    return "one"


def now(world):
    return int(world.clock.now().timestamp() * 1000)


def put(world, *messages, stream="one", offset=0, step=0):
    start = now(world) + offset
    events = [{"timestamp": start + i * step, "message": m} for i, m in enumerate(messages)]
    return world.client("logs").put_log_events(logGroupName="/app", logStreamName=stream, logEvents=events)


def test_a_group_is_described_as_it_was_created(logs):
    logs.create_log_group(logGroupName="/app", tags={"team": "a"})
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/a")["logGroups"]
    assert group["arn"] == "arn:aws:logs:us-east-1:000000000000:log-group:/app:*"
    assert group["logGroupArn"] == "arn:aws:logs:us-east-1:000000000000:log-group:/app"
    assert (group["storedBytes"], group["metricFilterCount"], group["logGroupClass"]) == (0, 0, "STANDARD")
    assert logs.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"] == {"team": "a"}


def test_a_group_cannot_be_created_twice_nor_deleted_twice(logs, aws_error):
    logs.create_log_group(logGroupName="/app")
    with aws_error("ResourceAlreadyExistsException"):
        logs.create_log_group(logGroupName="/app")
    logs.delete_log_group(logGroupName="/app")
    with aws_error("ResourceNotFoundException", "The specified log group does not exist."):
        logs.delete_log_group(logGroupName="/app")


def test_a_group_made_again_has_none_of_the_old_events(world, logs, stream):
    put(world, "old")
    logs.delete_log_group(logGroupName="/app")
    logs.create_log_group(logGroupName="/app")
    assert logs.filter_log_events(logGroupName="/app")["events"] == []
    with aws_not_found(logs):
        logs.get_log_events(logGroupName="/app", logStreamName="one")


def aws_not_found(logs):
    return pytest.raises(logs.exceptions.ResourceNotFoundException)


def test_a_protected_group_is_not_deleted(logs, aws_error):
    logs.create_log_group(logGroupName="/app", deletionProtectionEnabled=True)
    with aws_error("ValidationException"):
        logs.delete_log_group(logGroupName="/app")
    logs.put_log_group_deletion_protection(logGroupIdentifier="/app", deletionProtectionEnabled=False)
    logs.delete_log_group(logGroupName="/app")


def test_groups_come_in_pages_in_order_of_name(logs):
    for i in range(7):
        logs.create_log_group(logGroupName=f"/g{i}")
    pages = logs.get_paginator("describe_log_groups").paginate(PaginationConfig={"PageSize": 3})
    assert [[g["logGroupName"] for g in page["logGroups"]] for page in pages] == [["/g0", "/g1", "/g2"], ["/g3", "/g4", "/g5"], ["/g6"]]


def test_groups_can_be_looked_for_by_a_part_of_their_name(logs, aws_error):
    for name in ("/aws/lambda/Alpha", "/aws/lambda/beta"):
        logs.create_log_group(logGroupName=name)
    found = logs.describe_log_groups(logGroupNamePattern="alpha")["logGroups"]
    assert [g["logGroupName"] for g in found] == ["/aws/lambda/Alpha"]
    with aws_error("InvalidParameterException"):
        logs.describe_log_groups(logGroupNamePattern="a", logGroupNamePrefix="b")


def test_a_foreign_token_is_refused(logs, aws_error):
    with aws_error("InvalidParameterException", "nextToken"):
        logs.describe_log_groups(nextToken="!!!")


def test_events_come_back_in_order_of_time(world, logs, stream):
    put(world, "first", "second")
    put(world, "before", offset=-1000)
    events = logs.get_log_events(logGroupName="/app", logStreamName="one", startFromHead=True)["events"]
    assert [e["message"] for e in events] == ["before", "first", "second"]
    assert all(e["ingestionTime"] <= now(world) for e in events)


def test_a_reader_walks_forwards_until_the_token_repeats(world, logs, stream):
    put(world, *"abcde", step=1)
    read, token = [], None
    while True:
        more = {"nextToken": token} if token else {"startFromHead": True}
        page = logs.get_log_events(logGroupName="/app", logStreamName="one", limit=2, **more)
        read += [e["message"] for e in page["events"]]
        if page["nextForwardToken"] == token:
            break
        token = page["nextForwardToken"]
    assert read == list("abcde")
    put(world, "f", offset=10)
    page = logs.get_log_events(logGroupName="/app", logStreamName="one", nextToken=token)
    assert [e["message"] for e in page["events"]] == ["f"]


def test_a_reader_walks_backwards_from_the_latest(world, logs, stream):
    put(world, *"abcde", step=1)
    page = logs.get_log_events(logGroupName="/app", logStreamName="one", limit=2)
    assert [e["message"] for e in page["events"]] == ["d", "e"]
    page = logs.get_log_events(logGroupName="/app", logStreamName="one", limit=2, nextToken=page["nextBackwardToken"])
    assert [e["message"] for e in page["events"]] == ["b", "c"]


def test_a_follower_of_an_empty_stream_sees_what_comes(world, logs, stream):
    page = logs.get_log_events(logGroupName="/app", logStreamName="one", startFromHead=True)
    put(world, "late")
    page = logs.get_log_events(logGroupName="/app", logStreamName="one", nextToken=page["nextForwardToken"])
    assert [e["message"] for e in page["events"]] == ["late"]


def test_a_batch_must_be_in_order_and_within_a_day(world, logs, stream, aws_error):
    with aws_error("InvalidParameterException", "chronological"):
        put(world, "a", "b", step=-1)
    with aws_error("InvalidParameterException", "24 hours"):
        put(world, "a", "b", offset=-90_000_000, step=86_400_001)
    assert logs.filter_log_events(logGroupName="/app")["events"] == []


def test_events_too_old_and_too_new_are_rejected_and_said_so(world, logs, stream):
    hour, day = 3_600_000, 86_400_000
    assert put(world, "old", offset=-15 * day)["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    assert put(world, "fine", "new", step=3 * hour)["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    assert [e["message"] for e in logs.filter_log_events(logGroupName="/app")["events"]] == ["fine"]


def test_rejected_events_do_not_count_as_stored(world, logs, stream):
    put(world, "12345678", "too new", step=3 * 3_600_000)
    assert logs.describe_log_groups()["logGroups"][0]["storedBytes"] == 8 + 26


def test_expired_events_are_rejected_and_said_so(world, logs, stream):
    logs.put_retention_policy(logGroupName="/app", retentionInDays=1)
    hour = 3_600_000
    rejected = put(world, "expired", "fine", offset=-25 * hour, step=2 * hour)["rejectedLogEventsInfo"]
    assert rejected == {"expiredLogEventEndIndex": 1}
    assert [e["message"] for e in logs.filter_log_events(logGroupName="/app")["events"]] == ["fine"]


def test_a_batch_holds_a_mebibyte_with_26_bytes_for_each_event(world, logs, stream, aws_error):
    half = "x" * (524_288 - 26)
    put(world, half, half)
    with aws_error("InvalidParameterException", "Upload too large: 1048577 bytes exceeds limit of 1048576"):
        put(world, half, half + "x")
    with aws_error("InvalidParameterException", "Upload too large"):
        put(world, half, "é" * (len(half) // 2 + 1))
    with aws_error("InvalidParameterException", "Log event too large: 1048577 bytes exceeds limit of 1048576"):
        put(world, "x" * (1_048_576 - 25))
    (stored,) = logs.describe_log_groups()["logGroups"]
    assert stored["storedBytes"] == 1_048_576


@pytest.mark.parametrize("messages", [[], [""], ["x"] * 10_001])
def test_a_batch_has_up_to_ten_thousand_events_with_messages(world, logs, stream, aws_error, messages):
    unchecked = world.client("logs", config=Config(parameter_validation=False))
    events = [{"timestamp": now(world), "message": message} for message in messages]
    with aws_error("InvalidParameterException", "at 'logEvents"):
        unchecked.put_log_events(logGroupName="/app", logStreamName="one", logEvents=events)
    assert logs.filter_log_events(logGroupName="/app")["events"] == []


def test_a_reader_at_an_end_can_turn_round(world, logs, stream):
    put(world, *"abc", step=1)
    of = {"logGroupName": "/app", "logStreamName": "one"}
    end = logs.get_log_events(**of, startFromHead=True)
    over = logs.get_log_events(**of, nextToken=end["nextForwardToken"])
    assert (over["events"], over["nextForwardToken"]) == ([], end["nextForwardToken"])
    back = logs.get_log_events(**of, nextToken=over["nextBackwardToken"])
    assert [e["message"] for e in back["events"]] == list("abc")
    over = logs.get_log_events(**of, nextToken=back["nextBackwardToken"])
    assert (over["events"], over["nextBackwardToken"]) == ([], back["nextBackwardToken"])
    ahead = logs.get_log_events(**of, nextToken=over["nextForwardToken"])
    assert [e["message"] for e in ahead["events"]] == list("abc")


def test_the_streams_that_were_searched_are_not_listed_any_more(world, logs, stream):
    put(world, "x")
    assert logs.filter_log_events(logGroupName="/app")["searchedLogStreams"] == []


def test_events_need_their_group_and_stream(world, logs, aws_error):
    with aws_error("ResourceNotFoundException", "log group"):
        put(world, "x")
    logs.create_log_group(logGroupName="/app")
    with aws_error("ResourceNotFoundException", "log stream"):
        put(world, "x")


def test_filtering_interleaves_streams_and_pages(world, logs, stream):
    logs.create_log_stream(logGroupName="/app", logStreamName="two")
    put(world, "1 ERROR", "3 fine", "5 ERROR", step=2)
    put(world, "2 ERROR", "4 ERROR", stream="two", offset=1, step=2)
    pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName="/app", filterPattern="ERROR", limit=2))
    assert [[e["message"][0] for e in p["events"]] for p in pages] == [["1", "2"], ["4", "5"]]
    assert {e["logStreamName"] for p in pages for e in p["events"]} == {"one", "two"}
    assert len({e["eventId"] for p in pages for e in p["events"]}) == 4
    only = logs.filter_log_events(logGroupName="/app", logStreamNamePrefix="tw")["events"]
    assert [e["message"] for e in only] == ["2 ERROR", "4 ERROR"]


def test_filtering_by_json_and_by_time(world, logs, stream):
    put(world, *(json.dumps({"level": level}) for level in ("info", "error", "error")), step=10)
    start = now(world)
    found = logs.filter_log_events(logGroupName="/app", filterPattern='{ $.level = "error" }', endTime=start + 20)["events"]
    assert [json.loads(e["message"]) for e in found] == [{"level": "error"}]


def test_retention_is_checked_and_obeys_the_clock(world, logs, stream, aws_error):
    with aws_error("InvalidParameterException"):
        logs.put_retention_policy(logGroupName="/app", retentionInDays=2)
    logs.put_retention_policy(logGroupName="/app", retentionInDays=3)
    assert logs.describe_log_groups()["logGroups"][0]["retentionInDays"] == 3
    put(world, "short-lived")
    world.clock.advance(days=2)
    assert len(logs.filter_log_events(logGroupName="/app")["events"]) == 1
    world.clock.advance(days=2)
    assert logs.filter_log_events(logGroupName="/app")["events"] == []
    assert logs.describe_log_groups()["logGroups"][0]["storedBytes"] == 0
    logs.delete_retention_policy(logGroupName="/app")
    assert "retentionInDays" not in logs.describe_log_groups()["logGroups"][0]


def test_streams_can_be_listed_by_name_and_by_last_event(world, logs, stream, aws_error):
    logs.create_log_stream(logGroupName="/app", logStreamName="two")
    logs.create_log_stream(logGroupName="/app", logStreamName="none")
    put(world, "x", offset=1000)
    put(world, "y", stream="two")
    by_name = logs.describe_log_streams(logGroupName="/app")["logStreams"]
    assert [s["logStreamName"] for s in by_name] == ["none", "one", "two"]
    latest = logs.describe_log_streams(logGroupName="/app", orderBy="LastEventTime", descending=True)["logStreams"]
    assert [s["logStreamName"] for s in latest] == ["one", "two", "none"]
    assert [s["logStreamName"] for s in logs.describe_log_streams(logGroupName="/app", logStreamNamePrefix="t")["logStreams"]] == ["two"]
    with aws_error("InvalidParameterException"):
        logs.describe_log_streams(logGroupName="/app", orderBy="LastEventTime", logStreamNamePrefix="t")


def test_tags_by_arn_and_by_name_are_the_same_tags(logs, aws_error):
    logs.create_log_group(logGroupName="/app")
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:/app"
    logs.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    logs.untag_log_group(logGroupName="/app", tags=["b"])
    assert logs.list_tags_log_group(logGroupName="/app")["tags"] == {"a": "1"}
    logs.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {}
    with aws_error("ResourceNotFoundException"):
        logs.tag_resource(resourceArn=arn + "x", tags={"a": "1"})
    with aws_error("InvalidParameterException"):
        logs.tag_resource(resourceArn=arn, tags={"aws:x": "1"})


def test_another_region_has_its_own_groups(world, logs):
    logs.create_log_group(logGroupName="/app")
    assert world.client("logs", region="eu-west-1").describe_log_groups()["logGroups"] == []


def test_what_is_not_there_says_so(logs, aws_error):
    with aws_error("NotImplemented"):
        logs.list_integrations()
