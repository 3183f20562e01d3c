"""Global tables: what replicas share and have for themselves, strong consistency, and the first version's operations."""

from __future__ import annotations

import pytest
from dynamodb_shapes import keys

STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


@pytest.fixture
def make(world):
    """Makes a table `ttt` in a Region; `names` are the attributes that keys and indexes have."""

    def make(region="us-east-1", names=("id",), **options):
        client = world.client("dynamodb", region=region)
        client.create_table(
            **{
                "TableName": "ttt",
                "KeySchema": keys("id"),
                "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in names],
                "BillingMode": "PAY_PER_REQUEST",
            }
            | options
        )
        return client

    return make


def replicate(client, region, **settings):
    client.update_table(TableName="ttt", ReplicaUpdates=[{"Create": {"RegionName": region, **settings}}])


def described(client):
    return client.describe_table(TableName="ttt")["Table"]


def test_a_replica_may_have_settings_of_its_own(world, make, aws_error):
    here = make(
        BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 3, "WriteCapacityUnits": 4}, StreamSpecification=STREAM
    )
    replicate(here, "eu-west-1", ProvisionedThroughputOverride={"ReadCapacityUnits": 9}, TableClassOverride="STANDARD_INFREQUENT_ACCESS")
    there = world.client("dynamodb", region="eu-west-1")
    (replica,) = described(here)["Replicas"]
    assert replica["ProvisionedThroughputOverride"] == {"ReadCapacityUnits": 9}
    assert replica["ReplicaTableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    assert described(there)["ProvisionedThroughput"]["ReadCapacityUnits"] == 9
    assert described(there)["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    world.clock.advance(seconds=1)
    own = {"RegionName": "eu-west-1", "ProvisionedThroughputOverride": {"ReadCapacityUnits": 11}}
    here.update_table(TableName="ttt", ReplicaUpdates=[{"Update": own}])
    assert described(there)["ProvisionedThroughput"]["ReadCapacityUnits"] == 11
    world.clock.advance(seconds=1)
    with aws_error("ValidationException"):
        here.update_table(TableName="ttt", ReplicaUpdates=[{"Update": {"RegionName": "eu-west-3"}}])


def test_replicas_share_capacity_indexes_and_time_to_live(world, make):
    here = make(
        BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 3, "WriteCapacityUnits": 4}, StreamSpecification=STREAM
    )
    replicate(here, "eu-west-1", ProvisionedThroughputOverride={"ReadCapacityUnits": 9})
    there = world.client("dynamodb", region="eu-west-1")
    world.clock.advance(seconds=1)
    here.put_item(TableName="ttt", Item={"id": {"S": "a"}, "kind": {"S": "k"}})
    world.settle()
    here.update_table(TableName="ttt", ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 6})
    units = described(there)["ProvisionedThroughput"]
    assert (units["ReadCapacityUnits"], units["WriteCapacityUnits"]) == (9, 6)
    world.clock.advance(seconds=1)
    there.update_table(
        TableName="ttt",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "kind", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[
            {
                "Create": {
                    "IndexName": "by-kind",
                    "KeySchema": keys("kind"),
                    "Projection": {"ProjectionType": "ALL"},
                    "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
                }
            }
        ],
    )
    world.clock.advance(seconds=1)
    for client in (here, there):
        found = client.query(
            TableName="ttt", IndexName="by-kind", KeyConditionExpression="kind = :k", ExpressionAttributeValues={":k": {"S": "k"}}
        )
        assert found["Count"] == 1
    here.update_table(TableName="ttt", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-kind"}}])
    world.clock.advance(seconds=1)
    assert "GlobalSecondaryIndexes" not in described(there)
    here.update_time_to_live(TableName="ttt", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ends"})
    assert there.describe_time_to_live(TableName="ttt")["TimeToLiveDescription"]["AttributeName"] == "ends"


def test_a_replica_is_unprotected_until_it_says_so_itself(world, make):
    here = make(StreamSpecification=STREAM, DeletionProtectionEnabled=True)
    replicate(here, "eu-west-1")
    assert not described(world.client("dynamodb", region="eu-west-1"))["DeletionProtectionEnabled"]


def strongly(client, *creates, witness=None):
    options = {"GlobalTableWitnessUpdates": [{"Create": {"RegionName": witness}}]} if witness else {}
    updates = [{"Create": {"RegionName": region}} for region in creates]
    client.update_table(TableName="ttt", ReplicaUpdates=updates, MultiRegionConsistency="STRONG", **options)


def test_a_write_to_a_strongly_consistent_table_is_read_in_every_region_at_once(world, make):
    here = make()
    strongly(here, "us-west-2", witness="us-east-2")
    there = world.client("dynamodb", region="us-west-2")
    for client in (here, there):
        assert described(client)["MultiRegionConsistency"] == "STRONG"
        assert described(client)["GlobalTableWitnesses"] == [{"RegionName": "us-east-2", "WitnessStatus": "ACTIVE"}]
    world.clock.advance(seconds=1)
    here.put_item(TableName="ttt", Item={"id": {"S": "a"}, "n": {"N": "1"}})
    answer = there.update_item(
        TableName="ttt",
        Key={"id": {"S": "a"}},
        UpdateExpression="SET n = n + :one",
        ConditionExpression="n = :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
        ReturnValues="ALL_NEW",
    )
    assert answer["Attributes"]["n"] == {"N": "2"}
    assert here.get_item(TableName="ttt", Key={"id": {"S": "a"}}, ConsistentRead=True)["Item"]["n"] == {"N": "2"}


def test_strong_consistency_wants_three_regions_that_belong_together(world, make, aws_error):
    here = make()
    with aws_error("ValidationException", "exactly three replicas"):
        strongly(here, "us-west-2")
    with aws_error("ValidationException", "not supported between the Regions"):
        strongly(here, "us-west-2", "eu-west-1")
    assert "Replicas" not in described(here)
    assert world.client("dynamodb", region="us-west-2").list_tables()["TableNames"] == []
    here.put_item(TableName="ttt", Item={"id": {"S": "a"}})
    with aws_error("ValidationException", "must be empty"):
        strongly(here, "us-west-2", "us-east-2")


def test_a_strongly_consistent_table_takes_no_transactions_and_lets_nothing_expire(world, make, aws_error):
    here = make()
    strongly(here, "us-west-2", "us-east-2")
    world.clock.advance(seconds=1)
    with aws_error("ValidationException"):
        here.transact_write_items(TransactItems=[{"Put": {"TableName": "ttt", "Item": {"id": {"S": "a"}}}}])
    with aws_error("ValidationException"):
        here.transact_get_items(TransactItems=[{"Get": {"TableName": "ttt", "Key": {"id": {"S": "a"}}}}])
    with aws_error("ValidationException"):
        here.update_time_to_live(TableName="ttt", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ends"})
    with aws_error("ValidationException", "exactly three replicas"):
        here.update_table(TableName="ttt", ReplicaUpdates=[{"Delete": {"RegionName": "us-west-2"}}])
    deletes = [{"Delete": {"RegionName": region}} for region in ("us-west-2", "us-east-2")]
    here.update_table(TableName="ttt", ReplicaUpdates=deletes)
    assert "MultiRegionConsistency" not in described(here)


def test_the_first_version_of_global_tables(world, make, aws_error):
    clients = {region: make(region, StreamSpecification=STREAM) for region in ("us-east-1", "eu-west-1", "eu-west-3")}
    world.settle()
    here = clients["us-east-1"]
    here.create_global_table(GlobalTableName="ttt", ReplicationGroup=[{"RegionName": region} for region in ("us-east-1", "eu-west-1")])
    here.put_item(TableName="ttt", Item={"id": {"S": "a"}})
    world.settle()
    with aws_error("ReplicaAlreadyExistsException"):
        here.update_global_table(GlobalTableName="ttt", ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}])
    answer = here.update_global_table(GlobalTableName="ttt", ReplicaUpdates=[{"Create": {"RegionName": "eu-west-3"}}])
    assert [one["RegionName"] for one in answer["GlobalTableDescription"]["ReplicationGroup"]] == ["us-east-1", "eu-west-1", "eu-west-3"]
    world.clock.advance(seconds=1)
    assert clients["eu-west-3"].scan(TableName="ttt")["Count"] == 1
    answer = here.update_global_table(GlobalTableName="ttt", ReplicaUpdates=[{"Delete": {"RegionName": "eu-west-1"}}])
    here.put_item(TableName="ttt", Item={"id": {"S": "b"}})
    world.settle()
    assert [clients[region].scan(TableName="ttt")["Count"] for region in ("eu-west-1", "eu-west-3")] == [1, 2]
    with aws_error("ReplicaNotFoundException"):
        here.update_global_table(GlobalTableName="ttt", ReplicaUpdates=[{"Delete": {"RegionName": "eu-west-1"}}])


def test_settings_of_the_first_version(world, make, aws_error):
    here, there = make(StreamSpecification=STREAM), make("eu-west-1", StreamSpecification=STREAM)
    with aws_error("GlobalTableNotFoundException"):
        here.describe_global_table_settings(GlobalTableName="ttt")
    here.create_global_table(GlobalTableName="ttt", ReplicationGroup=[{"RegionName": region} for region in ("us-east-1", "eu-west-1")])
    settings = here.describe_global_table_settings(GlobalTableName="ttt")["ReplicaSettings"]
    assert [one["ReplicaBillingModeSummary"]["BillingMode"] for one in settings] == ["PAY_PER_REQUEST", "PAY_PER_REQUEST"]
    own = {"RegionName": "eu-west-1", "ReplicaProvisionedReadCapacityUnits": 8}
    here.update_global_table_settings(
        GlobalTableName="ttt",
        GlobalTableBillingMode="PROVISIONED",
        GlobalTableProvisionedWriteCapacityUnits=7,
        ReplicaSettingsUpdate=[own],
    )
    units = described(there)["ProvisionedThroughput"]
    assert (units["ReadCapacityUnits"], units["WriteCapacityUnits"]) == (8, 7)
    scaling = {"MinimumUnits": 1, "MaximumUnits": 9}
    with aws_error("NotImplemented"):
        here.update_global_table_settings(GlobalTableName="ttt", GlobalTableProvisionedWriteCapacityAutoScalingSettingsUpdate=scaling)


def test_no_replica_scales_by_itself(world, make, aws_error):
    here = make(StreamSpecification=STREAM)
    replicate(here, "eu-west-1")
    told = here.describe_table_replica_auto_scaling(TableName="ttt")["TableAutoScalingDescription"]
    assert [replica["RegionName"] for replica in told["Replicas"]] == ["eu-west-1", "us-east-1"]
    with aws_error("NotImplemented"):
        here.update_table_replica_auto_scaling(TableName="ttt", ReplicaUpdates=[{"RegionName": "eu-west-1"}])
