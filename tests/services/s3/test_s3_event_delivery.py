"""Events of S3, from the call to the queue, topic and bus that hear of it."""

from __future__ import annotations

import json

import pytest

ACCOUNT = "000000000000"


class Listener:
    """A queue that S3 may send to, and what came."""

    def __init__(self, world, bucket="photos", name="events", source="arn:aws:s3:::photos"):
        self.world, self.bucket, self.sqs = world, bucket, world.client("sqs")
        self.url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        self.arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": self.arn,
            "Condition": {"ArnLike": {"aws:SourceArn": source}, "StringEquals": {"aws:SourceAccount": ACCOUNT}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": policy})

    def hear(self, s3, *events, **filter_):
        item = {"QueueArn": self.arn, "Events": list(events), "Id": "all"}
        if filter_:
            item["Filter"] = {"Key": {"FilterRules": [{"Name": name, "Value": value} for name, value in filter_.items()]}}
        s3.put_bucket_notification_configuration(Bucket=self.bucket, NotificationConfiguration={"QueueConfigurations": [item]})
        (test,) = self.messages()
        assert (test["Service"], test["Event"], test["Bucket"]) == ("Amazon S3", "s3:TestEvent", self.bucket)

    def messages(self):
        self.world.settle()
        found = []
        while got := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            for message in got:
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def records(self):
        records = [record for message in self.messages() for record in message["Records"]]
        return sorted(records, key=lambda it: (it["eventTime"], it["s3"]["object"].get("sequencer", "")))


@pytest.fixture
def listener(world, bucket):
    return Listener(world)


def names(records):
    return [record["eventName"] for record in records]


def test_a_put_in_full(s3, bucket, listener):
    listener.hear(s3, "s3:ObjectCreated:*")
    s3.put_object(Bucket=bucket, Key="in/a b+é.txt", Body=b"12345")
    (record,) = listener.records()
    assert record["eventVersion"] == "2.1"
    assert (record["eventSource"], record["awsRegion"], record["eventName"]) == ("aws:s3", "us-east-1", "ObjectCreated:Put")
    assert record["userIdentity"] == {"principalId": f"AWS:{ACCOUNT}"}
    assert record["requestParameters"]["sourceIPAddress"]
    assert set(record["responseElements"]) == {"x-amz-request-id", "x-amz-id-2"}
    about = record["s3"]
    assert (about["s3SchemaVersion"], about["configurationId"]) == ("1.0", "all")
    assert (about["bucket"]["name"], about["bucket"]["arn"]) == ("photos", "arn:aws:s3:::photos")
    assert set(about["object"]) == {"key", "size", "eTag", "sequencer"}
    assert (about["object"]["key"], about["object"]["size"]) == ("in/a+b%2B%C3%A9.txt", 5)
    assert about["object"]["eTag"] == "827ccb0eea8a706c4c34a16891f84e7b"


def test_every_way_to_make_an_object_has_its_name(world, s3, bucket, listener):
    listener.hear(s3, "s3:ObjectCreated:*")
    s3.put_object(Bucket=bucket, Key="put", Body=b"1")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "put"})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"1")
    done = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    etag = s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload=done)["ETag"]
    records = listener.records()
    assert names(records) == ["ObjectCreated:Put", "ObjectCreated:Copy", "ObjectCreated:CompleteMultipartUpload"]
    assert records[2]["s3"]["object"]["eTag"] == etag.strip('"')


def test_removals_with_and_without_versions(s3, bucket, listener):
    listener.hear(s3, "s3:ObjectRemoved:*")
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    s3.delete_object(Bucket=bucket, Key="k")
    (record,) = listener.records()
    assert record["eventName"] == "ObjectRemoved:Delete"
    assert set(record["s3"]["object"]) == {"key", "sequencer"}
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=version)
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": marker}]})
    made, gone, unmarked = listener.records()
    assert made["eventName"] == "ObjectRemoved:DeleteMarkerCreated"
    assert made["s3"]["object"]["versionId"] == marker
    assert made["s3"]["object"]["eTag"] == "d41d8cd98f00b204e9800998ecf8427e"
    assert (gone["eventName"], gone["s3"]["object"]["versionId"]) == ("ObjectRemoved:Delete", version)
    assert (unmarked["eventName"], unmarked["s3"]["object"]["versionId"]) == ("ObjectRemoved:Delete", marker)


def test_sequencers_grow_while_the_clock_stands(world, s3, bucket, listener):
    listener.hear(s3, "s3:ObjectCreated:*")
    world.clock.freeze()
    etags = [s3.put_object(Bucket=bucket, Key="k", Body=bytes([number]))["ETag"].strip('"') for number in range(5)]
    assert [record["s3"]["object"]["eTag"] for record in listener.records()] == etags


def test_tags_and_lists(s3, bucket, listener):
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    listener.hear(s3, "s3:ObjectTagging:*", "s3:ObjectAcl:Put")
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="bucket-owner-full-control")
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    records = listener.records()
    assert sorted(names(records)) == ["ObjectAcl:Put", "ObjectTagging:Delete", "ObjectTagging:Put"]
    assert {record["eventVersion"] for record in records} == {"2.3"}
    assert all("sequencer" not in record["s3"]["object"] for record in records)


def test_lifecycle_and_restores_speak_as_s3(world, s3, bucket, listener):
    s3.put_object(Bucket=bucket, Key="cold", Body=b"1" * 200_000)
    s3.put_object(Bucket=bucket, Key="old/k", Body=b"1")
    rules = [
        {"ID": "move", "Status": "Enabled", "Filter": {"Prefix": "cold"}, "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]},
        {"ID": "end", "Status": "Enabled", "Filter": {"Prefix": "old/"}, "Expiration": {"Days": 1}},
    ]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    listener.hear(s3, "s3:LifecycleExpiration:*", "s3:LifecycleTransition", "s3:ObjectRestore:*")
    world.clock.advance(days=3)
    by_name = {record["eventName"]: record for record in listener.records()}
    assert set(by_name) == {"LifecycleExpiration:Delete", "LifecycleTransition"}
    assert {record["userIdentity"]["principalId"] for record in by_name.values()} == {"s3.amazonaws.com"}
    moved = by_name["LifecycleTransition"]["lifecycleEventData"]
    assert moved == {"transitionEventData": {"destinationStorageClass": "GLACIER"}}
    s3.restore_object(Bucket=bucket, Key="cold", RestoreRequest={"Days": 1})
    assert names(listener.records()) == ["ObjectRestore:Post"]
    world.clock.advance(days=3)
    by_name = {record["eventName"]: record for record in listener.records()}
    assert set(by_name) == {"ObjectRestore:Completed", "ObjectRestore:Delete"}
    told = by_name["ObjectRestore:Completed"]["glacierEventData"]["restoreEventData"]
    assert told["lifecycleRestoreStorageClass"] == "GLACIER"
    assert told["lifecycleRestorationExpiryTime"].endswith("T00:00:00.000Z")
    assert by_name["ObjectRestore:Delete"]["eventVersion"] == "2.3"


def test_filters_are_of_the_key_itself(s3, bucket, listener):
    listener.hear(s3, "s3:ObjectCreated:*", prefix="in/", suffix=".jpg")
    for key in ("in/a.jpg", "in/a.txt", "out/a.jpg", "in/.jpg", "a.jpg"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    assert [record["s3"]["object"]["key"] for record in listener.records()] == ["in/a.jpg", "in/.jpg"]


def test_a_topic_hears_with_a_subject(world, s3, bucket, listener):
    sns = world.client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sns:Publish", "Resource": topic}
    only = {"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::photos"}}}
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps({"Statement": [statement | only]}))
    queue = Listener(world, name="subscriber")
    allowed = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue.arn}]}
    queue.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"Policy": json.dumps(allowed)})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    wanted = {"TopicConfigurations": [{"TopicArn": topic, "Events": ["s3:ObjectCreated:Put"]}]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=wanted)
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    test, put = queue.messages()
    assert (put["Subject"], json.loads(test["Message"])["Event"]) == ("Amazon S3 Notification", "s3:TestEvent")
    assert json.loads(put["Message"])["Records"][0]["eventName"] == "ObjectCreated:Put"


def test_a_rule_of_the_buckets_account_hears_of_a_strangers_put(world, s3, bucket, listener):
    events = world.client("events")
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": [bucket]}}}
    events.put_rule(Name="r", EventPattern=json.dumps(pattern))
    everybody = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": listener.arn}]}
    listener.sqs.set_queue_attributes(QueueUrl=listener.url, Attributes={"Policy": json.dumps(everybody)})
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": listener.arn}])
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})
    allow = {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::photos/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Statement": [allow]}))
    world.client("s3", access_key="111122223333").put_object(Bucket=bucket, Key="k", Body=b"12")
    (event,) = listener.messages()
    assert (event["account"], event["region"], event["resources"]) == (ACCOUNT, "us-east-1", ["arn:aws:s3:::photos"])
    assert event["detail"]["requester"] == "111122223333"
    assert (event["detail"]["reason"], event["detail"]["object"]["size"]) == ("PutObject", 2)


def put(s3, bucket, *items, kind="QueueConfigurations", **more):
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={kind: list(items)}, **more)


def queue(name="events", events=("s3:ObjectCreated:*",), region="us-east-1", **filter_):
    item = {"QueueArn": f"arn:aws:sqs:{region}:{ACCOUNT}:{name}", "Events": list(events)}
    if filter_:
        item["Filter"] = {"Key": {"FilterRules": [{"Name": key, "Value": value} for key, value in filter_.items()]}}
    return item


def test_a_queue_that_shuts_s3_out_is_refused(world, s3, bucket, aws_error):
    with aws_error("InvalidArgument", "Unable to validate the following destination configurations"):
        put(s3, bucket, queue("nobody"))
    world.client("sqs").create_queue(QueueName="shut")
    with aws_error("InvalidArgument", "Unable to validate") as caught:
        put(s3, bucket, queue("shut"))
    told = caught.value.response["Error"]
    assert told["ArgumentName"] == f"arn:aws:sqs:us-east-1:{ACCOUNT}:shut"
    assert told["ArgumentValue"] == "Permissions on the destination queue do not allow S3 to publish notifications from this bucket"
    Listener(world, name="others", source="arn:aws:s3:::another-bucket")
    with aws_error("InvalidArgument", "Unable to validate"):
        put(s3, bucket, queue("others"))
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([queue(), queue("b", ["s3:ObjectCreated:Put"])], "Configurations overlap"),
        ([queue(suffix=".jpg"), queue("b", suffix="a.jpg")], "Cannot have overlapping suffixes in two rules"),
        ([queue(prefix="in"), queue("b", prefix="in/b")], "Cannot have overlapping prefixes in two rules"),
        ([queue(events=["s3:ObjectCreated:*", "s3:ObjectCreated:Put"])], "overlapping event types"),
        ([queue(region="eu-west-1")], "service region is not valid"),
        ([queue("q.fifo")], "Unable to validate"),
        ([queue(events=["s3:ObjectCreated:Nonsense"])], "not supported for notifications"),
        ([queue() | {"Id": "x"}, queue("b", ["s3:ObjectRemoved:*"]) | {"Id": "x"}], "IDs must be unique"),
        ([queue(prefix="x" * 1025)], "cannot exceed 1024"),
    ],
)
def test_configurations_that_cannot_be(s3, bucket, aws_error, items, words):
    with aws_error("InvalidArgument", words):
        put(s3, bucket, *items, SkipDestinationValidation=True)
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)


def test_configurations_side_by_side(s3, bucket):
    put(
        s3,
        bucket,
        queue(suffix=".jpg"),
        queue("b", suffix=".png"),
        queue("c", ["s3:ObjectRemoved:*"]),
        SkipDestinationValidation=True,
    )
    assert len(s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]) == 3


def test_a_queue_that_went_away_does_not_hold_up_the_rest(world, s3, bucket, listener):
    listener.hear(s3, "s3:ObjectCreated:*")
    listener.sqs.delete_queue(QueueUrl=listener.url)
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    world.settle()

    def undone():
        from cloudjar.kernel.effects import Effect

        with world._world().reading() as ctx:
            return list(ctx.where(Effect))

    assert world.local.do(undone) == []
