"""CloudTrail: topics, log groups, keys and organizations."""

from __future__ import annotations

import gzip
import json

import pytest
from botocore.exceptions import ClientError

HERE = "000000000000"
TRAIL = f"arn:aws:cloudtrail:us-east-1:{HERE}:trail/main"


def statements(*found):
    return json.dumps({"Version": "2012-10-17", "Statement": list(found)})


def to_cloudtrail(action, resource, condition=None):
    condition = condition or {"StringEquals": {"aws:SourceArn": TRAIL}}
    principal = {"Service": "cloudtrail.amazonaws.com"}
    return {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource, "Condition": condition}


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


@pytest.fixture
def trail(world):
    return world.client("cloudtrail")


@pytest.fixture
def bucket(world):
    s3 = world.client("s3")
    s3.create_bucket(Bucket="trails")
    documented = {"StringEquals": {"aws:SourceArn": TRAIL, "s3:x-amz-acl": "bucket-owner-full-control"}}
    s3.put_bucket_policy(Bucket="trails", Policy=statements(to_cloudtrail("s3:PutObject", "arn:aws:s3:::trails/AWSLogs/*", documented)))
    return "trails"


def files(world):
    s3 = world.client("s3")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket="trails").get("Contents", [])]
    return [(key, s3.get_object(Bucket="trails", Key=key)) for key in keys]


def test_a_topic_is_told_of_every_file(world, trail, bucket):
    sns, sqs = world.client("sns"), world.client("sqs")
    assert code_of(trail.create_trail, Name="main", S3BucketName=bucket, SnsTopicName="told") == "InsufficientSnsTopicPolicyException"
    topic = sns.create_topic(Name="told")["TopicArn"]
    assert code_of(trail.create_trail, Name="main", S3BucketName=bucket, SnsTopicName="told") == "InsufficientSnsTopicPolicyException"
    allowed = statements(to_cloudtrail("SNS:Publish", topic))
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=allowed)
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    open_queue = statements({"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": open_queue})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{HERE}:q", Attributes={"RawMessageDelivery": "true"})
    made = trail.create_trail(Name="main", S3BucketName=bucket, SnsTopicName="told")
    assert (made["SnsTopicARN"], made["SnsTopicName"]) == (topic, "told")
    trail.start_logging(Name="main")
    world.client("iam").create_user(UserName="ann")
    world.clock.advance(minutes=6)
    world.settle()
    told = json.loads(sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"])
    assert told == {"s3Bucket": bucket, "s3ObjectKey": [files(world)[0][0]]}
    assert "LatestNotificationTime" in trail.get_trail_status(Name="main")


def test_a_log_group_gets_every_event(world, trail, bucket):
    logs, iam = world.client("logs"), world.client("iam")
    logs.create_log_group(logGroupName="audit")
    group = f"arn:aws:logs:us-east-1:{HERE}:log-group:audit:*"
    trust = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="writer", AssumeRolePolicyDocument=statements(trust))["Role"]["Arn"]
    wanted = {"Name": "main", "S3BucketName": bucket, "CloudWatchLogsLogGroupArn": group}
    assert code_of(trail.create_trail, **wanted) == "InvalidCloudWatchLogsRoleArnException"
    wanted["CloudWatchLogsRoleArn"] = role
    assert code_of(trail.create_trail, **wanted) == "InvalidCloudWatchLogsLogGroupArnException"
    assert trail.list_trails()["Trails"] == []
    write = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": group.replace(":*", ":log-stream:*")}
    iam.put_role_policy(RoleName="writer", PolicyName="p", PolicyDocument=statements(write))
    assert trail.create_trail(**wanted)["CloudWatchLogsRoleArn"] == role
    trail.start_logging(Name="main")
    iam.create_user(UserName="ann")
    world.clock.advance(minutes=6)
    world.settle()
    stream = f"{HERE}_CloudTrail_us-east-1"
    events = [json.loads(each["message"]) for each in logs.get_log_events(logGroupName="audit", logStreamName=stream)["events"]]
    assert [event["requestParameters"]["userName"] for event in events if event["eventName"] == "CreateUser"] == ["ann"]
    status = trail.get_trail_status(Name="main")
    assert "LatestCloudWatchLogsDeliveryTime" in status and "LatestCloudWatchLogsDeliveryError" not in status


def test_files_are_encrypted_with_the_trails_key(world, trail, bucket):
    kms = world.client("kms")
    key = kms.create_key()["KeyMetadata"]
    wanted = {"Name": "main", "S3BucketName": bucket, "KmsKeyId": key["KeyId"]}
    assert code_of(trail.create_trail, **wanted) == "InsufficientEncryptionPolicyException"
    assert code_of(trail.create_trail, **{**wanted, "KmsKeyId": "0" * 8 + "-0000-0000-0000-" + "0" * 12}) == "KmsKeyNotFoundException"
    owner = {"Effect": "Allow", "Principal": {"AWS": HERE}, "Action": "kms:*", "Resource": "*"}
    context = {"StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": f"arn:aws:cloudtrail:*:{HERE}:trail/*"}}
    kms.put_key_policy(KeyId=key["KeyId"], Policy=statements(owner, to_cloudtrail("kms:GenerateDataKey*", "*", context)))
    assert trail.create_trail(**wanted)["KmsKeyId"] == key["Arn"]
    trail.start_logging(Name="main")
    world.client("iam").create_user(UserName="ann")
    world.clock.advance(minutes=6)
    world.settle()
    ((_, found),) = files(world)
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", key["Arn"])
    assert b"CreateUser" in gzip.decompress(found["Body"].read())


def test_an_organizations_trail_has_the_members_calls(world, trail, bucket):
    assert code_of(trail.create_trail, Name="main", S3BucketName=bucket, IsOrganizationTrail=True) == "OrganizationsNotInUseException"
    organizations = world.client("organizations")
    organization = organizations.create_organization(FeatureSet="ALL")["Organization"]["Id"]
    request = organizations.create_account(AccountName="one", Email="one@example.com")["CreateAccountStatus"]["Id"]
    world.clock.advance(seconds=5)
    member = organizations.describe_create_account_status(CreateAccountRequestId=request)["CreateAccountStatus"]["AccountId"]
    wanted = {"Name": "main", "S3BucketName": bucket, "IsOrganizationTrail": True, "IsMultiRegionTrail": True}
    assert code_of(trail.create_trail, **wanted) == "CloudTrailAccessNotEnabledException"
    organizations.enable_aws_service_access(ServicePrincipal="cloudtrail.amazonaws.com")
    assert trail.create_trail(**wanted)["IsOrganizationTrail"]
    trail.start_logging(Name="main")
    world.client("iam", access_key=member).create_user(UserName="ann")
    world.clock.advance(minutes=6)
    world.settle()
    theirs = [found for key, found in files(world) if key.startswith(f"AWSLogs/{organization}/{member}/CloudTrail/")]
    events = [event for each in theirs for event in json.loads(gzip.decompress(each["Body"].read()))["Records"]]
    assert [event["requestParameters"]["userName"] for event in events if event["eventName"] == "CreateUser"] == ["ann"]
    seen = world.client("cloudtrail", access_key=member)
    assert [each["TrailARN"] for each in seen.describe_trails()["trailList"]] == [TRAIL]
    assert code_of(seen.delete_trail, Name=TRAIL) in ("NotOrganizationMasterAccountException", "AccessDeniedException")
