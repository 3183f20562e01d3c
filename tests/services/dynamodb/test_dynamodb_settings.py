"""What is set of tables beside their keys: Contributor Insights, destinations, replicas' settings, throughput, encryption."""

from __future__ import annotations

import json

import pytest
from dynamodb_shapes import keys


def test_nothing_counts_keys_and_nothing_says_so(dynamodb, table, aws_error):
    with aws_error("NotImplemented"):
        dynamodb.update_contributor_insights(TableName=table, ContributorInsightsAction="ENABLE")
    assert dynamodb.describe_contributor_insights(TableName=table, IndexName="by-kind")["ContributorInsightsStatus"] == "DISABLED"
    with aws_error("ResourceNotFoundException", "Index: nowhere not found"):
        dynamodb.describe_contributor_insights(TableName=table, IndexName="nowhere")
    assert dynamodb.list_contributor_insights()["ContributorInsightsSummaries"] == []


@pytest.mark.parametrize("verb", ["enable", "disable", "update"])
def test_no_table_streams_to_a_kinesis_stream_that_is_not_there(dynamodb, simple, verb, aws_error):
    change = getattr(dynamodb, f"{verb}_kinesis_streaming_destination")
    with aws_error("ResourceNotFoundException", "Kinesis data stream"):
        change(TableName=simple, StreamArn="arn:aws:kinesis:us-east-1:000000000000:stream/nowhere")
    with aws_error("ResourceNotFoundException", "Table: absent not found"):
        change(TableName="absent", StreamArn="arn:aws:kinesis:us-east-1:000000000000:stream/nowhere")
    assert dynamodb.describe_kinesis_streaming_destination(TableName=simple)["KinesisDataStreamDestinations"] == []


def made(dynamodb, **options):
    """A new table's description."""
    settings = {
        "TableName": "made",
        "KeySchema": keys("id"),
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    return dynamodb.create_table(**settings | options)["TableDescription"]


PROVISIONED = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}}


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (PROVISIONED | {"OnDemandThroughput": {"MaxReadRequestUnits": 5}}, "ValidationException", "PAY_PER_REQUEST"),
        ({"OnDemandThroughput": {"MaxReadRequestUnits": 0}}, "ValidationException", "MaxReadRequestUnits must be at least 1"),
        ({"WarmThroughput": {"ReadUnitsPerSecond": 11_999}}, "ValidationException", "decreasing WarmThroughput is not supported"),
        (PROVISIONED | {"WarmThroughput": {"WriteUnitsPerSecond": 4}}, "ValidationException", "Requested WriteUnitsPerSecond"),
        (
            {"BillingMode": "PROVISIONED", "ProvisionedThroughput": {"ReadCapacityUnits": 40_001, "WriteCapacityUnits": 5}},
            "LimitExceededException",
            "ReadCapacityUnits",
        ),
        ({"SSESpecification": {"Enabled": True, "KMSMasterKeyId": "alias/aws/dynamodb"}}, "ValidationException", "SSEType KMS is required"),
        ({"SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/none"}}, "ValidationException", "alias/none"),
    ],
)
def test_what_a_table_cannot_have_is_refused(dynamodb, aws_error, options, code, message):
    with aws_error(code, message):
        made(dynamodb, **options)
    assert dynamodb.list_tables()["TableNames"] == []


def test_warm_throughput_grows_and_never_shrinks(world, dynamodb, aws_error):
    warm = made(dynamodb, **PROVISIONED)["WarmThroughput"]
    assert (warm["ReadUnitsPerSecond"], warm["WriteUnitsPerSecond"]) == (5, 5)
    world.settle()
    dynamodb.update_table(TableName="made", WarmThroughput={"ReadUnitsPerSecond": 50})
    world.clock.advance(seconds=1)
    with aws_error("ValidationException", "lower than current WarmThroughput"):
        dynamodb.update_table(TableName="made", WarmThroughput={"ReadUnitsPerSecond": 49})
    dynamodb.update_table(TableName="made", ProvisionedThroughput={"ReadCapacityUnits": 60, "WriteCapacityUnits": 5})
    assert dynamodb.describe_table(TableName="made")["Table"]["WarmThroughput"]["ReadUnitsPerSecond"] == 60


def test_a_table_is_out_of_reach_while_its_key_is(world, dynamodb, aws_error):
    kms = world.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    made(dynamodb, SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key})
    world.settle()
    dynamodb.put_item(TableName="made", Item={"id": {"S": "a"}})
    kms.disable_key(KeyId=key)
    assert dynamodb.describe_table(TableName="made")["Table"]["TableStatus"] == "INACCESSIBLE_ENCRYPTION_CREDENTIALS"
    world.clock.advance(minutes=6)
    with aws_error("AccessDeniedException", "is Disabled"):
        dynamodb.put_item(TableName="made", Item={"id": {"S": "b"}})
    with aws_error("AccessDeniedException"):
        dynamodb.scan(TableName="made")
    kms.enable_key(KeyId=key)
    assert dynamodb.scan(TableName="made")["Count"] == 1
    assert dynamodb.describe_table(TableName="made")["Table"]["TableStatus"] == "ACTIVE"


@pytest.mark.parametrize("what", ["disabled", "asymmetric"])
def test_a_key_that_cannot_encrypt_is_refused(world, dynamodb, aws_error, what):
    kms = world.client("kms")
    spec = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"} if what == "asymmetric" else {}
    key = kms.create_key(**spec)["KeyMetadata"]["Arn"]
    if what == "disabled":
        kms.disable_key(KeyId=key)
    with aws_error("ValidationException", "not an enabled symmetric encryption key"):
        made(dynamodb, SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key})


def test_dynamodb_gets_a_grant_on_a_customers_key_and_none_is_needed_on_its_own(world, dynamodb):
    kms = world.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    made(dynamodb, SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key})
    (grant,) = kms.list_grants(KeyId=key)["Grants"]
    assert grant["Constraints"]["EncryptionContextSubset"]["aws:dynamodb:tableName"] == "made"
    world.settle()
    dynamodb.delete_table(TableName="made")
    world.clock.advance(seconds=1)
    assert kms.list_grants(KeyId=key)["Grants"] == []
    made(dynamodb, TableName="own", SSESpecification={"Enabled": True})
    world.settle()
    dynamodb.put_item(TableName="own", Item={"id": {"S": "a"}})
    assert dynamodb.describe_table(TableName="own")["Table"]["TableStatus"] == "ACTIVE"


def test_whoever_may_not_use_a_key_makes_no_table_with_it(world, dynamodb, aws_error):
    key = world.client("kms").create_key()["KeyMetadata"]["Arn"]
    iam = world.client("iam")
    iam.create_user(UserName="u")
    statement = {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    made_key = iam.create_access_key(UserName="u")["AccessKey"]
    user = world.client("dynamodb", access_key=made_key["AccessKeyId"], secret=made_key["SecretAccessKey"])
    with aws_error("ValidationException", "kms:DescribeKey"):
        made(user, SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key})


def test_a_table_that_is_provisioned_again_says_so_of_its_indexes_too(world, dynamodb, table, aws_error):
    units = {"ReadCapacityUnits": 2, "WriteCapacityUnits": 3}
    with aws_error("ValidationException", "ProvisionedThroughput must be specified for index: by-kind"):
        dynamodb.update_table(TableName=table, BillingMode="PROVISIONED", ProvisionedThroughput=units)
    update = {"Update": {"IndexName": "by-kind", "ProvisionedThroughput": units}}
    answer = dynamodb.update_table(
        TableName=table, BillingMode="PROVISIONED", ProvisionedThroughput=units, GlobalSecondaryIndexUpdates=[update]
    )
    (index,) = answer["TableDescription"]["GlobalSecondaryIndexes"]
    assert index["ProvisionedThroughput"]["WriteCapacityUnits"] == 3


def test_a_new_index_does_not_change_the_type_of_a_key(dynamodb, table, aws_error):
    create = {"Create": {"IndexName": "new", "KeySchema": keys("kind"), "Projection": {"ProjectionType": "ALL"}}}
    definitions = [{"AttributeName": "kind", "AttributeType": "N"}]
    with aws_error("ValidationException", "kind cannot be changed from S to N"):
        dynamodb.update_table(TableName=table, AttributeDefinitions=definitions, GlobalSecondaryIndexUpdates=[create])
    with aws_error("ValidationException", "At least one of"):
        dynamodb.update_table(TableName=table, GlobalSecondaryIndexUpdates=[])
    described = dynamodb.describe_table(TableName=table)["Table"]
    assert {"AttributeName": "kind", "AttributeType": "S"} in described["AttributeDefinitions"]
