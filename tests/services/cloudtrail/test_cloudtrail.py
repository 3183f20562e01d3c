"""CloudTrail: calls looked up, and delivered to a bucket."""

from __future__ import annotations

import gzip
import hashlib
import json

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key


@pytest.fixture
def trail(world):
    return world.client("cloudtrail")


@pytest.fixture
def bucket(world):
    s3 = world.client("s3")
    s3.create_bucket(Bucket="trails")
    write = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::trails/AWSLogs/000000000000/*",
        "Condition": {"StringEquals": {"aws:SourceArn": "arn:aws:cloudtrail:us-east-1:000000000000:trail/main"}},
    }
    s3.put_bucket_policy(Bucket="trails", Policy=json.dumps({"Version": "2012-10-17", "Statement": [write]}))
    return "trails"


def objects(world, part):
    s3 = world.client("s3")
    found = s3.list_objects_v2(Bucket="trails").get("Contents", [])
    return [(each["Key"], s3.get_object(Bucket="trails", Key=each["Key"])) for each in found if part in each["Key"]]


def delivered(world):
    files = [json.loads(gzip.decompress(found["Body"].read())) for _, found in objects(world, "/CloudTrail/")]
    return [event for file in files for event in file["Records"]]


def looked_up(trail, **attribute):
    attributes = [{"AttributeKey": key, "AttributeValue": value} for key, value in attribute.items()]
    return trail.lookup_events(LookupAttributes=attributes)["Events"]


def test_a_call_is_there_as_soon_as_it_is_looked_up(world, trail):
    world.client("iam").create_user(UserName="ann")
    (event,) = looked_up(trail, EventName="CreateUser")
    told = json.loads(event["CloudTrailEvent"])
    assert (event["Username"], event["ReadOnly"], event["EventSource"]) == ("root", "false", "iam.amazonaws.com")
    assert told["userIdentity"]["type"] == "Root"
    assert told["requestParameters"] == {"userName": "ann"}
    assert told["responseElements"]["user"]["userName"] == "ann"
    assert (told["eventType"], told["managementEvent"], told["awsRegion"]) == ("AwsApiCall", True, "us-east-1")


def test_a_denied_call_is_there_with_its_error(world, trail):
    iam = world.client("iam")
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    denied = world.client("logs", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"], region="eu-central-1")
    with pytest.raises(ClientError):
        denied.create_log_group(logGroupName="g")
    (event,) = looked_up(world.client("cloudtrail", region="eu-central-1"), Username="ann")
    told = json.loads(event["CloudTrailEvent"])
    assert (told["errorCode"], told["awsRegion"]) == ("AccessDeniedException", "eu-central-1")
    assert "logs:CreateLogGroup" in told["errorMessage"]


def test_secrets_are_left_out(world, trail):
    iam = world.client("iam")
    iam.create_user(UserName="ann")
    iam.create_login_profile(UserName="ann", Password="Correct-horse-9-battery")
    made = iam.create_access_key(UserName="ann")["AccessKey"]
    text = "".join(event["CloudTrailEvent"] for event in trail.lookup_events()["Events"])
    assert "Correct-horse" not in text
    assert made["SecretAccessKey"] not in text
    assert made["AccessKeyId"] in text


def test_events_come_newest_first_in_pages(world, trail):
    iam = world.client("iam")
    for name in ("a1", "b2", "c3"):
        iam.create_user(UserName=name)
    first = trail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateUser"}], MaxResults=2)
    second = trail.lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateUser"}], MaxResults=2, NextToken=first["NextToken"]
    )
    names = [json.loads(each["CloudTrailEvent"])["requestParameters"]["userName"] for each in first["Events"] + second["Events"]]
    assert names == ["c3", "b2", "a1"]
    assert "NextToken" not in second


def test_events_older_than_ninety_days_are_gone(world, trail):
    world.client("iam").create_user(UserName="ann")
    assert looked_up(trail, EventName="CreateUser")
    world.clock.advance(days=91)
    assert looked_up(trail, EventName="CreateUser") == []


def test_data_events_are_not_looked_up(world, trail, bucket):
    world.client("s3").put_object(Bucket=bucket, Key="k", Body=b"")
    assert looked_up(trail, EventName="PutObject") == []
    assert looked_up(trail, EventName="CreateBucket")


def test_a_trail_needs_a_bucket_that_lets_it_write(world, trail):
    with pytest.raises(ClientError) as caught:
        trail.create_trail(Name="main", S3BucketName="no-such-bucket-here")
    assert caught.value.response["Error"]["Code"] == "S3BucketDoesNotExistException"
    world.client("s3").create_bucket(Bucket="closed")
    with pytest.raises(ClientError) as caught:
        trail.create_trail(Name="main", S3BucketName="closed")
    assert caught.value.response["Error"]["Code"] == "InsufficientS3BucketPolicyException"


def test_a_trail_delivers_what_happened_while_it_was_on(world, trail, bucket):
    iam = world.client("iam")
    iam.create_user(UserName="before")
    trail.create_trail(Name="main", S3BucketName=bucket)
    trail.start_logging(Name="main")
    iam.create_user(UserName="during")
    world.clock.advance(minutes=6)
    trail.stop_logging(Name="main")
    world.settle()
    users = [event["requestParameters"]["userName"] for event in delivered(world) if event["eventName"] == "CreateUser"]
    assert users == ["during"]
    assert trail.get_trail_status(Name="main")["IsLogging"] is False
    assert "LatestDeliveryTime" in trail.get_trail_status(Name="main")


def test_a_multi_region_trail_has_the_other_regions_calls(world, trail, bucket):
    trail.create_trail(Name="main", S3BucketName=bucket, IsMultiRegionTrail=True)
    trail.start_logging(Name="main")
    world.client("logs", region="eu-west-1").create_log_group(logGroupName="g")
    world.clock.advance(minutes=6)
    assert ("CreateLogGroup", "eu-west-1") in {(event["eventName"], event["awsRegion"]) for event in delivered(world)}


def test_data_events_are_delivered_where_they_are_asked_for(world, trail, bucket):
    s3 = world.client("s3")
    s3.create_bucket(Bucket="watched")
    trail.create_trail(Name="main", S3BucketName=bucket)
    wanted = [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::watched/"]}]
    trail.put_event_selectors(
        TrailName="main", EventSelectors=[{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": False, "DataResources": wanted}]
    )
    trail.start_logging(Name="main")
    s3.put_object(Bucket="watched", Key="k", Body=b"")
    s3.get_object(Bucket="watched", Key="k")
    s3.put_object(Bucket=bucket, Key="other", Body=b"")
    world.clock.advance(minutes=6)
    assert [(event["eventName"], event["requestParameters"]["bucketName"]) for event in delivered(world)] == [("PutObject", "watched")]


def test_digests_are_signed_and_chained(world, trail, bucket):
    trail.create_trail(Name="main", S3BucketName=bucket, EnableLogFileValidation=True)
    trail.start_logging(Name="main")
    world.client("iam").create_user(UserName="ann")
    world.clock.advance(hours=2, minutes=1)
    (one, first), (two, second) = objects(world, "/CloudTrail-Digest/")
    first_text, second_text = (gzip.decompress(each["Body"].read()) for each in (first, second))
    assert any("/CloudTrail/" in file["s3Object"] for file in json.loads(first_text)["logFiles"])
    digest = json.loads(second_text)
    assert digest["previousDigestS3Object"] == one
    assert digest["previousDigestSignature"] == first["Metadata"]["signature"]
    now = world.clock.now()
    (key,) = trail.list_public_keys(StartTime=now, EndTime=now)["PublicKeyList"]
    signed = f"{digest['digestEndTime']}\n{bucket}/{two}\n{hashlib.sha256(second_text).hexdigest()}\n{digest['previousDigestSignature']}"
    public = load_der_public_key(key["Value"])
    public.verify(bytes.fromhex(second["Metadata"]["signature"]), signed.encode(), padding.PKCS1v15(), SHA256())


def test_trails_are_described_tagged_and_deleted(trail, bucket):
    arn = trail.create_trail(Name="main", S3BucketName=bucket, TagsList=[{"Key": "team", "Value": "red"}])["TrailARN"]
    assert [each["Name"] for each in trail.describe_trails()["trailList"]] == ["main"]
    assert trail.list_tags(ResourceIdList=[arn])["ResourceTagList"][0]["TagsList"] == [{"Key": "team", "Value": "red"}]
    with pytest.raises(ClientError) as caught:
        trail.create_trail(Name="main", S3BucketName=bucket)
    assert caught.value.response["Error"]["Code"] == "TrailAlreadyExistsException"
    trail.delete_trail(Name=arn)
    with pytest.raises(ClientError) as caught:
        trail.get_trail(Name="main")
    assert caught.value.response["Error"]["Code"] == "TrailNotFoundException"


def told(trail, name):
    return [json.loads(event["CloudTrailEvent"]) for event in looked_up(trail, EventName=name)]


def trust(**principal):
    return json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}})


def allow(action):
    return json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}})


def test_what_a_service_does_under_a_role_is_there_as_invoked_by_it(world, trail):
    iam = world.client("iam")
    role = iam.create_role(RoleName="runner", AssumeRolePolicyDocument=trust(Service="scheduler.amazonaws.com"))["Role"]["Arn"]
    iam.put_role_policy(RoleName="runner", PolicyName="p", PolicyDocument=allow("iam:CreateGroup"))
    target = {"Arn": "arn:aws:scheduler:::aws-sdk:iam:createGroup", "RoleArn": role, "Input": json.dumps({"GroupName": "made-later"})}
    world.client("scheduler").create_schedule(
        Name="s", ScheduleExpression="rate(1 minute)", FlexibleTimeWindow={"Mode": "OFF"}, Target=target
    )
    world.clock.advance(minutes=1)
    made = told(trail, "CreateGroup")[-1]
    assert (made["userIdentity"]["type"], made["userIdentity"]["invokedBy"]) == ("AssumedRole", "scheduler.amazonaws.com")
    assert made["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] == role
    assert (made["sourceIPAddress"], made["userAgent"]) == ("scheduler.amazonaws.com", "scheduler.amazonaws.com")
    assert made["requestParameters"] == {"groupName": "made-later"}
    assumed = told(trail, "AssumeRole")[-1]
    assert assumed["userIdentity"] == {"type": "AWSService", "invokedBy": "scheduler.amazonaws.com"}
    assert assumed["sourceIPAddress"] == "scheduler.amazonaws.com"
    assert assumed["requestID"] != made["requestID"]


def test_a_role_that_is_assumed_from_another_account_is_seen_by_both(world, trail):
    iam = world.client("iam", access_key="111122223333")
    iam.create_role(RoleName="open", AssumeRolePolicyDocument=trust(AWS="arn:aws:iam::000000000000:root"))
    role = "arn:aws:iam::111122223333:role/open"
    world.client("sts").assume_role(RoleArn=role, RoleSessionName="visit")
    (mine,) = told(trail, "AssumeRole")
    (theirs,) = told(world.client("cloudtrail", access_key="111122223333"), "AssumeRole")
    assert mine["userIdentity"]["type"] == "Root"
    assert theirs["userIdentity"] == {"type": "AWSAccount", "principalId": "000000000000", "accountId": "000000000000"}
    assert (mine["sharedEventID"], mine["recipientAccountId"]) == (theirs["sharedEventID"], "000000000000")
    assert theirs["recipientAccountId"] == "111122223333"


def test_a_trails_ticks_do_not_run_away_with_a_clock_that_jumps(world, trail, bucket):
    trail.create_trail(Name="main", S3BucketName=bucket)
    trail.start_logging(Name="main")
    world.clock.freeze()
    before = world.clock.now()
    world.clock.autojump()
    for _ in range(3):
        trail.get_trail_status(Name="main")
    assert world.clock.now() == before
