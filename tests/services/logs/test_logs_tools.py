"""Live tail, exports, saved queries, discovered fields and resource policies."""

from __future__ import annotations

import gzip
import json

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

GROUP = "arn:aws:logs:us-east-1:000000000000:log-group:app"


@pytest.fixture
def logs(world):
    logs = world.client("logs", config=Config(inject_host_prefix=False))
    logs.create_log_group(logGroupName="app")
    logs.create_log_stream(logGroupName="app", logStreamName="web/1")
    return logs


@pytest.fixture
def put(world, logs):
    def put(*messages):
        now = int(world.clock.now().timestamp() * 1000)
        events = [{"timestamp": now + at, "message": message} for at, message in enumerate(messages)]
        logs.put_log_events(logGroupName="app", logStreamName="web/1", logEvents=events)
        return now

    return put


def test_a_live_tail_shows_events_as_they_come(logs, put):
    put("before")
    stream = iter(logs.start_live_tail(logGroupIdentifiers=[GROUP], logEventFilterPattern="ERROR")["responseStream"])
    start = next(stream)["sessionStart"]
    assert start["logGroupIdentifiers"] == [GROUP]
    put("fine", "ERROR one")
    # An update is sent every second: one without events may be on its way before they are put.
    update = next(one["sessionUpdate"] for one in stream if one["sessionUpdate"]["sessionResults"])
    assert [(one["message"], one["logStreamName"]) for one in update["sessionResults"]] == [("ERROR one", "web/1")]
    assert update["sessionMetadata"] == {"sampled": False}
    assert next(stream)["sessionUpdate"]["sessionResults"] == []


def test_a_live_tail_of_what_is_not_there_is_refused(logs):
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.start_live_tail(logGroupIdentifiers=[GROUP + "x"])
    with pytest.raises(logs.exceptions.InvalidParameterException):
        logs.start_live_tail(logGroupIdentifiers=["app"])


@pytest.fixture
def bucket(world):
    s3 = world.client("s3")
    s3.create_bucket(Bucket="exports")
    principal = {"Service": "logs.us-east-1.amazonaws.com"}
    owners = {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}
    statements = [
        {"Effect": "Allow", "Principal": principal, "Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::exports"},
        {"Effect": "Allow", "Principal": principal, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::exports/*", "Condition": owners},
    ]
    s3.put_bucket_policy(Bucket="exports", Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    return s3


def test_a_group_is_exported_to_a_bucket(world, logs, put, bucket):
    now = put("one", "two")
    task = {"logGroupName": "app", "from": now, "to": now + 2, "destination": "exports", "destinationPrefix": "out"}
    task_id = logs.create_export_task(**task)["taskId"]
    world.settle()
    (told,) = logs.describe_export_tasks(taskId=task_id)["exportTasks"]
    assert told["status"]["code"] == "COMPLETED"
    keys = [one["Key"] for one in bucket.list_objects_v2(Bucket="exports")["Contents"]]
    assert keys == [f"out/{task_id}/web-1/000000.gz", "out/aws-logs-write-test"]
    text = gzip.decompress(bucket.get_object(Bucket="exports", Key=keys[0])["Body"].read()).decode()
    assert [line.split(" ", 1)[1] for line in text.splitlines()] == ["one", "two"]


def test_an_export_into_a_bucket_that_does_not_let_it_is_refused(world, logs, put):
    now = put("one")
    world.client("s3").create_bucket(Bucket="closed")
    with pytest.raises(logs.exceptions.InvalidParameterException, match="GetBucketAcl call on the given bucket failed"):
        logs.create_export_task(**{"logGroupName": "app", "from": now, "to": now + 1, "destination": "closed"})
    assert logs.describe_export_tasks()["exportTasks"] == []


def test_queries_are_saved(logs):
    first = logs.put_query_definition(name="errors", queryString="filter @message like /ERROR/", logGroupNames=["app"])["queryDefinitionId"]
    logs.put_query_definition(name="all", queryString="fields @message")
    logs.put_query_definition(queryDefinitionId=first, name="errors", queryString="limit 5")
    found = logs.describe_query_definitions()["queryDefinitions"]
    assert [(one["name"], one["queryString"]) for one in found] == [("all", "fields @message"), ("errors", "limit 5")]
    assert logs.delete_query_definition(queryDefinitionId=first)["success"] is True
    assert [one["name"] for one in logs.describe_query_definitions(queryDefinitionNamePrefix="e")["queryDefinitions"]] == []


def test_fields_are_discovered(world, logs, put):
    put('{"level": "info", "user": {"id": 7}}', "plain")
    fields = {one["name"]: one["percent"] for one in logs.get_log_group_fields(logGroupName="app")["logGroupFields"]}
    assert fields["@message"] == 100
    assert fields["user.id"] == 50
    query = logs.start_query(logGroupName="app", startTime=0, endTime=2**32, queryString="fields user.id | filter user.id = 7")
    world.settle()
    (row,) = logs.get_query_results(queryId=query["queryId"])["results"]
    pointer = next(cell["value"] for cell in row if cell["field"] == "@ptr")
    record = logs.get_log_record(logRecordPointer=pointer)["logRecord"]
    assert (record["level"], record["user.id"], record["@logStream"]) == ("info", "7", "web/1")


def test_resource_policies_are_kept_and_obeyed(world, logs):
    statement = {"Effect": "Deny", "Principal": "*", "Action": "logs:CreateLogStream", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    logs.put_resource_policy(policyName="p", policyDocument=document)
    assert [one["policyName"] for one in logs.describe_resource_policies()["resourcePolicies"]] == ["p"]
    iam = world.client("iam")
    iam.create_user(UserName="u")
    allow = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    key = iam.create_access_key(UserName="u")["AccessKey"]
    user = world.client("logs", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    with pytest.raises(ClientError, match="AccessDenied"):
        user.create_log_stream(logGroupName="app", logStreamName="two")
    logs.delete_resource_policy(policyName="p")
    user.create_log_stream(logGroupName="app", logStreamName="two")


def test_a_policy_that_is_none_is_refused(logs):
    with pytest.raises(logs.exceptions.InvalidParameterException):
        logs.put_resource_policy(policyName="p", policyDocument="{}")
    assert logs.describe_resource_policies()["resourcePolicies"] == []


def test_a_search_finds_all_of_many_events_of_one_time(world, logs):
    now = int(world.clock.now().timestamp() * 1000)
    for _ in range(3):
        logs.put_log_events(
            logGroupName="app", logStreamName="web/1", logEvents=[{"timestamp": now, "message": f"{n}"} for n in range(1000)]
        )
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName="app", PaginationConfig={"PageSize": 700})
    found = [event["eventId"] for page in pages for event in page["events"]]
    assert len(found) == len(set(found)) == 3000


def test_a_group_has_a_policy_of_its_own_with_revisions(world, logs, aws_error):
    deny = {"Effect": "Deny", "Principal": "*", "Action": "logs:CreateLogStream", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    logs.create_log_group(logGroupName="other")
    first = logs.put_resource_policy(resourceArn=GROUP, policyDocument=document)["revisionId"]
    with aws_error("OperationAbortedException"):
        logs.put_resource_policy(resourceArn=GROUP, policyDocument=document)
    second = logs.put_resource_policy(resourceArn=GROUP, policyDocument=document, expectedRevisionId=first)["revisionId"]
    assert second != first
    [told] = logs.describe_resource_policies(resourceArn=GROUP)["resourcePolicies"]
    assert (told["policyScope"], told["resourceArn"], told["revisionId"]) == ("RESOURCE", GROUP, second)
    assert logs.describe_resource_policies()["resourcePolicies"] == []
    iam = world.client("iam")
    iam.create_user(UserName="u")
    allow = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    key = iam.create_access_key(UserName="u")["AccessKey"]
    user = world.client("logs", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    user.create_log_stream(logGroupName="other", logStreamName="two")
    with aws_error("AccessDeniedException"):
        user.create_log_stream(logGroupName="app", logStreamName="two")
    with aws_error("OperationAbortedException"):
        logs.delete_resource_policy(resourceArn=GROUP, expectedRevisionId=first)
    logs.delete_resource_policy(resourceArn=GROUP, expectedRevisionId=second)
    user.create_log_stream(logGroupName="app", logStreamName="two")
