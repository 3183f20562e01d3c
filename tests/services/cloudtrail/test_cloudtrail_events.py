"""CloudTrail: what services do by themselves, and what of the trail EventBridge's rules see."""

from __future__ import annotations

import gzip
import json

import pytest


@pytest.fixture
def trail(world):
    """A trail that logs."""
    s3 = world.client("s3")
    s3.create_bucket(Bucket="trails")
    write = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::trails/*",
    }
    s3.put_bucket_policy(Bucket="trails", Policy=json.dumps({"Version": "2012-10-17", "Statement": [write]}))
    client = world.client("cloudtrail")
    client.create_trail(Name="main", S3BucketName="trails")
    client.start_logging(Name="main")
    return client


@pytest.fixture
def heard(world):
    """`heard(pattern)`: puts a rule and gives a reader of what it has sent to its queue, as event names."""
    sqs, events = world.client("sqs"), world.client("events")

    def rule(pattern, state="ENABLED"):
        arn = events.put_rule(Name=state, EventPattern=json.dumps(pattern), State=state)["RuleArn"]
        url = sqs.create_queue(QueueName=state)["QueueUrl"]
        queue = f"arn:aws:sqs:us-east-1:000000000000:{state}"
        allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": queue}
        allow["Condition"] = {"ArnEquals": {"aws:SourceArn": arn}}
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": allow})})
        events.put_targets(Rule=state, Targets=[{"Id": "q", "Arn": queue}])

        def names():
            # Looking up stores what is noted, so that it is told now and not in a second.
            world.client("cloudtrail").lookup_events()
            world.settle()
            found = []
            while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
                found += [json.loads(message["Body"])["detail"]["eventName"] for message in messages]
            return found

        return names

    return rule


def looked_up(world, name):
    world.settle()
    found = world.client("cloudtrail").lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}])["Events"]
    return [(event, json.loads(event["CloudTrailEvent"])) for event in found]


def test_what_a_service_does_by_itself_is_in_the_history_and_the_trail(world, trail):
    kms = world.client("kms")
    key = kms.create_key()["KeyMetadata"]
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    world.clock.advance(days=8)
    ((row, event),) = looked_up(world, "DeleteKey")
    assert (event["eventType"], event["userIdentity"]["invokedBy"], event["readOnly"]) == ("AwsServiceEvent", "AWS Internal", False)
    assert row["Resources"] == [{"ResourceType": "AWS::KMS::Key", "ResourceName": key["KeyId"]}] and "Username" not in row
    assert row["EventId"] == event["eventID"]
    world.clock.advance(minutes=6)
    world.settle()
    s3 = world.client("s3")
    files = [s3.get_object(Bucket="trails", Key=each["Key"])["Body"].read() for each in s3.list_objects_v2(Bucket="trails")["Contents"]]
    assert event["eventID"] in {one["eventID"] for file in files for one in json.loads(gzip.decompress(file))["Records"]}


def test_rotation_and_the_end_of_a_secret_are_in_the_history(world):
    secrets = world.client("secretsmanager")
    arn = secrets.create_secret(Name="s", SecretString="x")["ARN"]
    kms = world.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.rotate_key_on_demand(KeyId=key)
    ((_, event),) = looked_up(world, "RotateKey")
    assert event["serviceEventDetails"]["keyId"] == key
    secrets.delete_secret(SecretId=arn, RecoveryWindowInDays=7)
    world.clock.advance(days=8)
    ((_, event),) = looked_up(world, "EndSecretVersionDelete")
    assert event["additionalEventData"] == {"SecretId": arn}


CALLS = {"detail-type": ["AWS API Call via CloudTrail"], "source": ["aws.iam"]}


def test_rules_hear_of_calls_that_read_if_they_say_so(world, trail, heard):
    all_calls, changes = heard(CALLS, "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"), heard(CALLS)
    iam = world.client("iam")
    iam.create_user(UserName="ann")
    iam.get_user(UserName="ann")
    assert sorted(all_calls()) == ["CreateUser", "GetUser"]
    assert changes() == ["CreateUser"]
    world.client("events").disable_rule(Name="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
    iam.get_user(UserName="ann")
    assert all_calls() == []


def test_rules_hear_of_writing_data_events_that_a_trail_takes(world, trail, heard):
    s3 = world.client("s3")
    s3.create_bucket(Bucket="data")
    names = heard({"source": ["aws.s3"], "detail": {"eventSource": ["s3.amazonaws.com"], "requestParameters": {"bucketName": ["data"]}}})
    s3.put_object(Bucket="data", Key="before")
    assert names() == ["CreateBucket"]
    selector = {"ReadWriteType": "All", "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::data/"]}]}
    trail.put_event_selectors(TrailName="main", EventSelectors=[selector])
    s3.put_object(Bucket="data", Key="after")
    s3.get_object(Bucket="data", Key="after")
    assert names() == ["PutObject"]


def test_rules_do_not_hear_of_what_no_trail_takes(world, trail, heard):
    names = heard(CALLS)
    trail.put_event_selectors(TrailName="main", EventSelectors=[{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": True}])
    world.client("iam").create_user(UserName="ann")
    assert names() == []
