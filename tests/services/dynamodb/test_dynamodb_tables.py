"""Tables, their indexes, tags, policies, expiry, streams, backups and replicas."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.request import Request, urlopen

import pytest
from dynamodb_shapes import keys

TEXT_ID = [{"AttributeName": "id", "AttributeType": "S"}]


def make(client, name="made", **options):
    settings = {"KeySchema": keys("id"), "AttributeDefinitions": TEXT_ID, "BillingMode": "PAY_PER_REQUEST", **options}
    return client.create_table(TableName=name, **settings)["TableDescription"]


def put(client, table, *names, **attributes):
    for name in names:
        client.put_item(TableName=table, Item={"id": {"S": name}, **attributes})


def ids(client, table):
    return sorted(item["id"]["S"] for item in client.scan(TableName=table)["Items"])


def test_a_table_is_created_and_then_active(dynamodb):
    assert make(dynamodb)["TableStatus"] == "CREATING"
    dynamodb.get_waiter("table_exists").wait(TableName="made")
    table = dynamodb.describe_table(TableName="made")["Table"]
    assert table["TableStatus"] == "ACTIVE"
    assert table["TableArn"] == "arn:aws:dynamodb:us-east-1:000000000000:table/made"
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


def test_a_table_counts_its_items(dynamodb, simple):
    put(dynamodb, simple, "a", "b", v={"S": "xyz"})
    put(dynamodb, simple, "b")
    table = dynamodb.describe_table(TableName=simple)["Table"]
    assert (table["ItemCount"], table["TableSizeBytes"]) == (2, 3 + 4 + 3)


def test_a_deleted_table_takes_its_items_along(dynamodb, simple, aws_error):
    put(dynamodb, simple, "a")
    assert dynamodb.delete_table(TableName=simple)["TableDescription"]["TableStatus"] == "DELETING"
    dynamodb.get_waiter("table_not_exists").wait(TableName=simple)
    with aws_error("ResourceNotFoundException", "Requested resource not found: Table: simple not found"):
        dynamodb.describe_table(TableName=simple)
    make(dynamodb, simple)
    assert ids(dynamodb, simple) == []


def test_a_protected_table_is_not_deleted(dynamodb, aws_error):
    make(dynamodb, DeletionProtectionEnabled=True)
    with aws_error("ValidationException", "Resource cannot be deleted as it is currently protected against deletion"):
        dynamodb.delete_table(TableName="made")
    dynamodb.update_table(TableName="made", DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName="made")


def test_tables_are_listed_in_pages(dynamodb):
    for name in ("ccc", "aaa", "bbb"):
        make(dynamodb, name)
    assert dynamodb.list_tables(Limit=2) | {"ResponseMetadata": None} == {
        "TableNames": ["aaa", "bbb"],
        "LastEvaluatedTableName": "bbb",
        "ResponseMetadata": None,
    }
    assert dynamodb.list_tables(ExclusiveStartTableName="bbb")["TableNames"] == ["ccc"]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ({"KeySchema": keys("other")}, "ValidationException", "Some index key attributes are not defined in AttributeDefinitions"),
        (
            {"AttributeDefinitions": [*TEXT_ID, {"AttributeName": "x", "AttributeType": "S"}]},
            "ValidationException",
            "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions",
        ),
        (
            {"BillingMode": "PROVISIONED"},
            "ValidationException",
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        ),
        (
            {"ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}},
            "ValidationException",
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
        ),
        (
            {"KeySchema": [{"AttributeName": "id", "KeyType": "RANGE"}]},
            "ValidationException",
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
        ),
        (
            {"GlobalSecondaryIndexes": [{"IndexName": "ind", "KeySchema": keys("id"), "Projection": {"ProjectionType": "INCLUDE"}}]},
            "ValidationException",
            "ProjectionType is INCLUDE, but NonKeyAttributes is not specified",
        ),
        (
            {"LocalSecondaryIndexes": [{"IndexName": "ind", "KeySchema": keys("id"), "Projection": {"ProjectionType": "ALL"}}]},
            "ValidationException",
            "Table KeySchema does not have a range key",
        ),
        ({"StreamSpecification": {"StreamEnabled": True}}, "ValidationException", "StreamViewType is required"),
    ],
)
def test_a_wrong_table_is_refused_in_words(dynamodb, aws_error, options, code, message):
    with aws_error(code, message):
        make(dynamodb, **options)
    assert dynamodb.list_tables()["TableNames"] == []


def test_a_name_is_given_once(dynamodb, aws_error):
    make(dynamodb)
    with aws_error("ResourceInUseException", "Table already exists: made"):
        make(dynamodb)


def test_a_new_index_is_filled_with_what_was_there(world, dynamodb, simple):
    for number in range(1100):
        dynamodb.put_item(TableName=simple, Item={"id": {"S": str(number)}, **({"v": {"N": "1"}} if number % 2 else {"v": {"S": "text"}})})
    dynamodb.update_table(
        TableName=simple,
        AttributeDefinitions=[{"AttributeName": "v", "AttributeType": "N"}],
        GlobalSecondaryIndexUpdates=[
            {"Create": {"IndexName": "by-v", "KeySchema": keys("v"), "Projection": {"ProjectionType": "KEYS_ONLY"}}}
        ],
    )
    world.clock.advance(seconds=1)
    index = dynamodb.describe_table(TableName=simple)["Table"]["GlobalSecondaryIndexes"][0]
    assert (index["IndexStatus"], index["ItemCount"]) == ("ACTIVE", 550)
    query = {"IndexName": "by-v", "KeyConditionExpression": "v = :v", "ExpressionAttributeValues": {":v": {"N": "1"}}}
    assert dynamodb.query(TableName=simple, Select="COUNT", **query)["Count"] == 550
    dynamodb.update_table(TableName=simple, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-v"}}])
    world.clock.advance(seconds=1)
    assert "GlobalSecondaryIndexes" not in dynamodb.describe_table(TableName=simple)["Table"]


def test_an_index_may_have_several_key_attributes(dynamodb):
    make(
        dynamodb,
        AttributeDefinitions=[*TEXT_ID, *({"AttributeName": name, "AttributeType": "S"} for name in "abcd")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "wide",
                "KeySchema": [
                    {"AttributeName": name, "KeyType": kind} for name, kind in zip("abcd", ("HASH", "HASH", "RANGE", "RANGE"), strict=True)
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    for number in "123":
        put(dynamodb, "made", number, a={"S": "a"}, b={"S": "b"}, c={"S": "c"}, d={"S": number})
    values = {":a": {"S": "a"}, ":b": {"S": "b"}, ":c": {"S": "c"}, ":d": {"S": "2"}}
    condition = "a = :a AND b = :b AND c = :c AND d >= :d"
    answer = dynamodb.query(TableName="made", IndexName="wide", KeyConditionExpression=condition, ExpressionAttributeValues=values)
    assert [item["id"]["S"] for item in answer["Items"]] == ["2", "3"]


def test_billing_modes_are_switched(dynamodb, aws_error):
    make(dynamodb, BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 6})
    with aws_error("ValidationException", "The provisioned throughput for the table will not change"):
        dynamodb.update_table(TableName="made", ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 6})
    dynamodb.update_table(TableName="made", BillingMode="PAY_PER_REQUEST")
    table = dynamodb.describe_table(TableName="made")["Table"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["ProvisionedThroughput"]["ReadCapacityUnits"] == 0


def test_tags_come_and_go(dynamodb, aws_error):
    arn = make(dynamodb, Tags=[{"Key": "a", "Value": "1"}])["TableArn"]
    dynamodb.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    dynamodb.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    with aws_error("ResourceNotFoundException"):
        dynamodb.list_tags_of_resource(ResourceArn=arn + "x")


def test_a_resource_policy_is_kept_and_checked(dynamodb, aws_error):
    arn = make(dynamodb)["TableArn"]
    statement = {"Effect": "Allow", "Principal": "*", "Action": "dynamodb:GetItem", "Resource": arn}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    with aws_error("PolicyNotFoundException"):
        dynamodb.get_resource_policy(ResourceArn=arn)
    revision = dynamodb.put_resource_policy(ResourceArn=arn, Policy=document)["RevisionId"]
    assert dynamodb.get_resource_policy(ResourceArn=arn)["Policy"] == document
    with aws_error("ValidationException"):
        dynamodb.put_resource_policy(ResourceArn=arn, Policy="no policy")
    assert dynamodb.delete_resource_policy(ResourceArn=arn)["RevisionId"] == revision


def test_items_expire_by_the_worlds_clock(world, dynamodb, simple, aws_error):
    now = int(world.clock.now().timestamp())
    put(dynamodb, simple, "old", ttl={"N": str(now + 60)})
    dynamodb.update_time_to_live(TableName=simple, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
    put(dynamodb, simple, "soon", ttl={"N": str(now + 120)})
    put(dynamodb, simple, "later", "moved", ttl={"N": str(now + 86_400)})
    put(dynamodb, simple, "never", "text", ttl={"S": str(now + 60)})
    put(dynamodb, simple, "moved", ttl={"N": str(now + 100)})
    world.clock.advance(seconds=70)
    assert ids(dynamodb, simple) == ["later", "moved", "never", "soon", "text"]
    world.clock.advance(minutes=2)
    assert ids(dynamodb, simple) == ["later", "never", "text"]
    world.clock.advance(days=2)
    assert ids(dynamodb, simple) == ["never", "text"]
    with aws_error("ValidationException", "TimeToLive is already enabled"):
        dynamodb.update_time_to_live(TableName=simple, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})


@pytest.fixture
def streams(world):
    return world.client("dynamodbstreams")


def read(streams, arn, kind="TRIM_HORIZON", **options):
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType=kind, **options)["ShardIterator"]
    return streams.get_records(ShardIterator=iterator)


def streamed(dynamodb, view="NEW_AND_OLD_IMAGES"):
    return make(dynamodb, StreamSpecification={"StreamEnabled": True, "StreamViewType": view})["LatestStreamArn"]


def test_a_stream_tells_of_every_change(dynamodb, streams):
    arn = streamed(dynamodb)
    put(dynamodb, "made", "a", v={"N": "1"}, set={"SS": ["x", "y"]})
    put(dynamodb, "made", "a", v={"N": "1.0"}, set={"SS": ["y", "x"]})  # the same item: no record
    put(dynamodb, "made", "a", v={"N": "2"})
    dynamodb.delete_item(TableName="made", Key={"id": {"S": "a"}})
    records = read(streams, arn)["Records"]
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    change = records[1]["dynamodb"]
    assert (change["OldImage"]["v"], change["NewImage"]["v"], change["Keys"]) == ({"N": "1"}, {"N": "2"}, {"id": {"S": "a"}})
    sequences = [record["dynamodb"]["SequenceNumber"] for record in records]
    assert sequences == sorted(sequences)
    after = read(streams, arn, "AFTER_SEQUENCE_NUMBER", SequenceNumber=sequences[1])["Records"]
    assert [record["eventName"] for record in after] == ["REMOVE"]


@pytest.mark.parametrize(
    ("view", "images"),
    [("KEYS_ONLY", set()), ("NEW_IMAGE", {"NewImage"}), ("OLD_IMAGE", {"OldImage"}), ("NEW_AND_OLD_IMAGES", {"NewImage", "OldImage"})],
)
def test_a_view_holds_what_it_is_named_for(dynamodb, streams, view, images):
    arn = streamed(dynamodb, view)
    put(dynamodb, "made", "a")
    put(dynamodb, "made", "a", v={"N": "1"})
    assert read(streams, arn)["Records"][1]["dynamodb"].keys() & {"NewImage", "OldImage"} == images


def test_an_iterator_goes_on_where_it_stopped_and_expires(world, dynamodb, streams, aws_error):
    arn = streamed(dynamodb)
    put(dynamodb, "made", "a")
    following = read(streams, arn, "LATEST")
    assert following["Records"] == []
    put(dynamodb, "made", "b")
    again = streams.get_records(ShardIterator=following["NextShardIterator"])
    assert [record["dynamodb"]["Keys"]["id"]["S"] for record in again["Records"]] == ["b"]
    world.clock.advance(minutes=16)
    with aws_error("ExpiredIteratorException"):
        streams.get_records(ShardIterator=again["NextShardIterator"])


def test_a_stream_keeps_its_records_for_a_day(world, dynamodb, streams):
    arn = streamed(dynamodb)
    put(dynamodb, "made", "a")
    world.clock.advance(hours=20)
    put(dynamodb, "made", "b")
    world.clock.advance(hours=5)
    assert [record["dynamodb"]["Keys"]["id"]["S"] for record in read(streams, arn)["Records"]] == ["b"]


def test_what_was_trimmed_cannot_be_pointed_at(world, dynamodb, streams, aws_error):
    arn = streamed(dynamodb)
    put(dynamodb, "made", "a")
    sequence = read(streams, arn)["Records"][0]["dynamodb"]["SequenceNumber"]
    world.clock.advance(hours=25)
    with aws_error("TrimmedDataAccessException"):
        read(streams, arn, "AT_SEQUENCE_NUMBER", SequenceNumber=sequence)


def test_expired_items_can_be_asked_to_go(world, dynamodb, simple):
    now = int(world.clock.now().timestamp())
    dynamodb.update_time_to_live(TableName=simple, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
    put(dynamodb, simple, "gone", ttl={"N": str(now - 10)})
    put(dynamodb, simple, "kept", ttl={"N": str(now + 1000)})
    with urlopen(Request(f"{world.endpoint}/_aws/dynamodb/expired", method="DELETE")) as answer:
        assert json.load(answer)["ExpiredItems"] in (0, 1)
    assert ids(dynamodb, simple) == ["kept"]


def test_a_disabled_stream_can_be_read_to_its_end(dynamodb, streams):
    arn = streamed(dynamodb)
    put(dynamodb, "made", "a")
    dynamodb.update_table(TableName="made", StreamSpecification={"StreamEnabled": False})
    answer = read(streams, arn)
    assert len(answer["Records"]) == 1 and "NextShardIterator" not in answer
    assert streams.describe_stream(StreamArn=arn)["StreamDescription"]["StreamStatus"] == "DISABLED"


def test_expiry_is_told_apart_in_the_stream(world, dynamodb, streams):
    arn = streamed(dynamodb)
    dynamodb.update_time_to_live(TableName="made", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
    put(dynamodb, "made", "a", ttl={"N": str(int(world.clock.now().timestamp()) + 10)})
    world.clock.advance(minutes=1)
    last = read(streams, arn)["Records"][-1]
    assert (last["eventName"], last["userIdentity"]) == ("REMOVE", {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"})


def test_a_backup_is_restored_with_its_indexes(world, dynamodb, table, aws_error):
    item = {"id": {"S": "a"}, "n": {"N": "1"}, "kind": {"S": "k"}, "age": {"N": "3"}}
    dynamodb.put_item(TableName=table, Item=item)
    arn = dynamodb.create_backup(TableName=table, BackupName="first")["BackupDetails"]["BackupArn"]
    dynamodb.delete_item(TableName=table, Key={"id": {"S": "a"}, "n": {"N": "1"}})
    described = dynamodb.describe_backup(BackupArn=arn)["BackupDescription"]
    assert described["BackupDetails"]["BackupStatus"] == "AVAILABLE"
    assert described["SourceTableDetails"]["ItemCount"] == 1
    dynamodb.restore_table_from_backup(TargetTableName="again", BackupArn=arn)
    world.clock.advance(seconds=1)
    assert dynamodb.describe_table(TableName="again")["Table"]["RestoreSummary"]["RestoreInProgress"] is False
    query = {"KeyConditionExpression": "kind = :k", "ExpressionAttributeValues": {":k": {"S": "k"}}}
    assert dynamodb.query(TableName="again", IndexName="by-kind", **query)["Items"] == [item]
    assert [backup["BackupName"] for backup in dynamodb.list_backups(TableName=table)["BackupSummaries"]] == ["first"]
    dynamodb.delete_backup(BackupArn=arn)
    with aws_error("BackupNotFoundException"):
        dynamodb.describe_backup(BackupArn=arn)


def test_a_table_is_restored_to_any_instant(world, dynamodb, simple, aws_error):
    put(dynamodb, simple, "before", v={"N": "1"})
    with aws_error("PointInTimeRecoveryUnavailableException"):
        dynamodb.restore_table_to_point_in_time(SourceTableName=simple, TargetTableName="early", UseLatestRestorableTime=True)
    dynamodb.update_continuous_backups(TableName=simple, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    world.clock.advance(hours=1)
    put(dynamodb, simple, "during")
    world.clock.advance(hours=1)
    instant = world.clock.now()
    world.clock.advance(hours=1)
    put(dynamodb, simple, "before", v={"N": "2"})
    put(dynamodb, simple, "after")
    dynamodb.delete_item(TableName=simple, Key={"id": {"S": "during"}})
    dynamodb.restore_table_to_point_in_time(SourceTableName=simple, TargetTableName="early", RestoreDateTime=instant)
    dynamodb.restore_table_to_point_in_time(SourceTableName=simple, TargetTableName="late", UseLatestRestorableTime=True)
    world.clock.advance(seconds=1)
    assert (ids(dynamodb, "early"), ids(dynamodb, "late")) == (["before", "during"], ["after", "before"])
    assert dynamodb.get_item(TableName="early", Key={"id": {"S": "before"}})["Item"]["v"] == {"N": "1"}
    with aws_error("InvalidRestoreTimeException"):
        dynamodb.restore_table_to_point_in_time(
            SourceTableName=simple, TargetTableName="never", RestoreDateTime=instant - timedelta(days=2)
        )


def test_a_deleted_table_with_recovery_leaves_a_backup_for_35_days(world, dynamodb, simple):
    put(dynamodb, simple, "a", "b")
    dynamodb.update_continuous_backups(TableName=simple, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    dynamodb.delete_table(TableName=simple)
    world.clock.advance(seconds=1)
    assert dynamodb.list_backups()["BackupSummaries"] == []
    (backup,) = dynamodb.list_backups(BackupType="SYSTEM")["BackupSummaries"]
    assert (backup["BackupName"], backup["BackupStatus"]) == ("simple$DeletedTableBackup", "AVAILABLE")
    dynamodb.restore_table_from_backup(TargetTableName="again", BackupArn=backup["BackupArn"])
    world.clock.advance(seconds=1)
    assert ids(dynamodb, "again") == ["a", "b"]
    world.clock.advance(days=36)
    assert dynamodb.list_backups(BackupType="ALL")["BackupSummaries"] == []


def test_replicas_in_two_regions_grow_alike(world, dynamodb):
    streamed(dynamodb)
    put(dynamodb, "made", "first")
    dynamodb.update_table(TableName="made", ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}])
    world.clock.advance(seconds=1)
    europe = world.client("dynamodb", region="eu-west-1")
    put(europe, "made", "second")
    put(dynamodb, "made", "third")
    dynamodb.delete_item(TableName="made", Key={"id": {"S": "first"}})
    world.settle()
    assert ids(europe, "made") == ids(dynamodb, "made") == ["second", "third"]
    dynamodb.update_table(TableName="made", ReplicaUpdates=[{"Delete": {"RegionName": "eu-west-1"}}])
    world.clock.advance(seconds=1)
    assert europe.list_tables()["TableNames"] == []
    assert "Replicas" not in dynamodb.describe_table(TableName="made")["Table"]
