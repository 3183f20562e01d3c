"""Who may do what: resource policies and DynamoDB's own condition keys."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def user(world):
    """`user(statement, ...)`: a DynamoDB client of a user with such a policy."""
    iam = world.client("iam")

    def make(*statements):
        iam.create_user(UserName="someone")
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_user_policy(UserName="someone", PolicyName="p", PolicyDocument=document)
        key = iam.create_access_key(UserName="someone")["AccessKey"]
        return world.client("dynamodb", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])

    return make


def test_leading_keys_keep_a_user_to_a_partition(dynamodb, table, user, aws_error):
    dynamodb.put_item(TableName=table, Item={"id": {"S": "mine"}, "n": {"N": "1"}})
    condition = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["mine"]}}
    client = user({"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*", "Condition": condition})
    assert client.get_item(TableName=table, Key={"id": {"S": "mine"}, "n": {"N": "1"}})["Item"]
    query = {"TableName": table, "KeyConditionExpression": "id = :id"}
    assert client.query(**query, ExpressionAttributeValues={":id": {"S": "mine"}})["Count"] == 1
    with aws_error("AccessDeniedException"):
        client.get_item(TableName=table, Key={"id": {"S": "other"}, "n": {"N": "1"}})
    with aws_error("AccessDeniedException"):
        client.query(**query, ExpressionAttributeValues={":id": {"S": "other"}})
    with aws_error("AccessDeniedException"):
        client.batch_get_item(RequestItems={table: {"Keys": [{"id": {"S": name}, "n": {"N": "1"}} for name in ("mine", "other")]}})


def test_an_index_is_a_resource_of_its_own(table, user, aws_error):
    client = user({"Effect": "Allow", "Action": "dynamodb:Scan", "Resource": f"arn:aws:dynamodb:*:*:table/{table}/index/by-kind"})
    client.scan(TableName=table, IndexName="by-kind")
    with aws_error("AccessDeniedException"):
        client.scan(TableName=table)


def test_a_transaction_needs_the_action_of_each_member(table, user, aws_error):
    client = user({"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": "*"})
    key = {"id": {"S": "a"}, "n": {"N": "1"}}
    client.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": key}}])
    with aws_error("AccessDeniedException", "dynamodb:DeleteItem"):
        client.transact_write_items(TransactItems=[{"Delete": {"TableName": table, "Key": key}}])


def test_partiql_needs_its_own_actions(table, user, aws_error):
    client = user({"Effect": "Allow", "Action": "dynamodb:PartiQLSelect", "Resource": "*"})
    client.execute_statement(Statement="SELECT * FROM things")
    with aws_error("AccessDeniedException", "dynamodb:PartiQLInsert"):
        client.execute_statement(Statement="INSERT INTO things VALUE {'id': 'a', 'n': 1}")


def test_a_tables_policy_lets_another_account_in(world, dynamodb, simple, aws_error):
    arn = dynamodb.describe_table(TableName=simple)["Table"]["TableArn"]
    dynamodb.put_item(TableName=simple, Item={"id": {"S": "a"}})
    other = world.client("dynamodb", access_key="111111111111")
    with aws_error("AccessDeniedException"):
        other.get_item(TableName=arn, Key={"id": {"S": "a"}})
    principal = {"AWS": "arn:aws:iam::111111111111:root"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "dynamodb:GetItem", "Resource": arn}
    dynamodb.put_resource_policy(ResourceArn=arn, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert other.get_item(TableName=arn, Key={"id": {"S": "a"}})["Item"]
    with aws_error("AccessDeniedException"):
        other.put_item(TableName=arn, Item={"id": {"S": "b"}})


def test_a_streams_policy_lets_another_account_read_it(world, dynamodb, simple, aws_error):
    specification = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    arn = dynamodb.update_table(TableName=simple, StreamSpecification=specification)["TableDescription"]["LatestStreamArn"]
    dynamodb.put_item(TableName=simple, Item={"id": {"S": "a"}})
    other = world.client("dynamodbstreams", access_key="111111111111")
    with aws_error("AccessDeniedException"):
        other.describe_stream(StreamArn=arn)
    actions = ["dynamodb:DescribeStream", "dynamodb:GetShardIterator", "dynamodb:GetRecords"]
    statement = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:root"}, "Action": actions, "Resource": arn}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    revision = dynamodb.put_resource_policy(ResourceArn=arn, Policy=document)["RevisionId"]
    assert dynamodb.get_resource_policy(ResourceArn=arn) | {"ResponseMetadata": {}} == {
        "Policy": document,
        "RevisionId": revision,
        "ResponseMetadata": {},
    }
    shard = other.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = other.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    assert len(other.get_records(ShardIterator=iterator)["Records"]) == 1
    dynamodb.delete_resource_policy(ResourceArn=arn, ExpectedRevisionId=revision)
    with aws_error("AccessDeniedException"):
        other.get_records(ShardIterator=iterator)


def test_a_policy_is_replaced_only_at_the_expected_revision(world, dynamodb, simple, aws_error):
    arn = dynamodb.describe_table(TableName=simple)["Table"]["TableArn"]

    def document(action):
        statement = {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": arn}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    first = dynamodb.put_resource_policy(ResourceArn=arn, Policy=document("dynamodb:GetItem"), ExpectedRevisionId="NO_POLICY")["RevisionId"]
    world.clock.advance(seconds=1)
    assert dynamodb.put_resource_policy(ResourceArn=arn, Policy=document("dynamodb:GetItem"))["RevisionId"] == first
    with aws_error("PolicyNotFoundException"):
        dynamodb.put_resource_policy(ResourceArn=arn, Policy=document("dynamodb:Query"), ExpectedRevisionId="NO_POLICY")
    dynamodb.put_resource_policy(ResourceArn=arn, Policy=document("dynamodb:Query"), ExpectedRevisionId=first)
    with aws_error("PolicyNotFoundException"):
        dynamodb.delete_resource_policy(ResourceArn=arn, ExpectedRevisionId=first)
    dynamodb.delete_resource_policy(ResourceArn=arn)
    dynamodb.delete_resource_policy(ResourceArn=arn)
