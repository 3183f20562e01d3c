"""DynamoDB streams as event sources: order, retries, bisection, failure destinations."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from cloudjar.gateway.inprocess import LocalWorld

from .conftest import Functions

BATCH = "def handler(event, context):\n    print('batch', ','.join(r['dynamodb']['Keys']['id']['S'] for r in event['Records']))\n"
FAILS_ON_BAD = BATCH + "    if any(r['dynamodb']['Keys']['id']['S'] == 'bad' for r in event['Records']):\n        raise ValueError('bad')\n"
LOG = "/aws/lambda/f"


class Table:
    """A table with a stream, and the mapping that feeds it to the function `f`."""

    def __init__(self, world: LocalWorld, functions: Functions) -> None:
        self.world = world
        self.client = functions.client
        self.dynamodb = world.client("dynamodb")
        answer = self.dynamodb.create_table(
            TableName="table",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        world.clock.advance(seconds=30)
        self.stream = answer["TableDescription"]["LatestStreamArn"]

    def map(self, **options: Any) -> str:
        options = {"StartingPosition": "TRIM_HORIZON", **options}
        answer = self.client.create_event_source_mapping(EventSourceArn=self.stream, FunctionName="f", **options)
        self.world.clock.advance(seconds=0.001)
        return str(answer["UUID"])

    def put(self, *ids: str) -> None:
        for each in ids:
            self.dynamodb.put_item(TableName="table", Item={"id": {"S": each}, "raw": {"B": b"\x00\xff"}})


@pytest.fixture
def table(world: LocalWorld, functions: Functions) -> Table:
    policy = "arn:aws:iam::aws:policy/service-role/AWSLambdaDynamoDBExecutionRole"
    world.client("iam").attach_role_policy(RoleName="function", PolicyArn=policy)
    return Table(world, functions)


def batches(lines: list[str]) -> list[str]:
    return [line.removeprefix("batch ").strip() for line in lines if line.startswith("batch ")]


def test_changes_reach_the_function_in_order(
    table: Table, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    functions.python("f", BATCH)
    table.put("a", "b", "c")
    table.map(BatchSize=2)
    world.settle()
    table.put("d")
    world.settle()
    assert batches(log_lines(LOG)) == ["a,b", "c", "d"]


def test_latest_begins_with_what_comes_after_the_mapping(
    table: Table, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    functions.python("f", BATCH)
    table.put("before")
    table.map(StartingPosition="LATEST")
    table.put("after")
    world.settle()
    assert batches(log_lines(LOG)) == ["after"]


def test_bytes_of_an_item_arrive_in_base64(
    table: Table, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    functions.python("f", "import json\ndef handler(event, context):\n    print('got', json.dumps(event['Records'][0]))\n")
    table.map()
    table.put("a")
    world.settle()
    record = json.loads(next(line for line in log_lines(LOG) if line.startswith("got "))[4:])
    assert record["dynamodb"]["NewImage"]["raw"] == {"B": "AP8="}
    assert (record["eventName"], record["eventSourceARN"]) == ("INSERT", table.stream)


def test_a_failing_batch_holds_its_shard_up_until_it_succeeds_or_is_given_up(
    table: Table, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    queue = world.client("sqs").create_queue(QueueName="failed")["QueueUrl"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]}
    world.client("iam").put_role_policy(RoleName="function", PolicyName="send", PolicyDocument=json.dumps(policy))
    functions.python("f", FAILS_ON_BAD)
    target = {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:failed"}}
    table.map(BatchSize=1, MaximumRetryAttempts=2, DestinationConfig=target)
    world.clock.freeze()
    table.put("bad", "good")
    world.settle()
    assert batches(log_lines(LOG)) == ["bad"]
    world.clock.advance(minutes=5)
    assert batches(log_lines(LOG)) == ["bad", "bad", "bad", "good"]
    told = json.loads(world.client("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"])
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert told["DDBStreamBatchInfo"]["batchSize"] == 1


def test_a_bisected_batch_loses_only_its_bad_record(
    table: Table, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    functions.python("f", FAILS_ON_BAD)
    table.put("a", "b", "c", "bad")
    table.map(BatchSize=4, BisectBatchOnFunctionError=True, MaximumRetryAttempts=2)
    world.clock.advance(minutes=10)
    found = batches(log_lines(LOG))
    assert "a,b" in found and "bad" in found
    assert sum("c" in each.split(",") for each in found) >= 1


def test_a_partial_failure_is_tried_again_from_the_failed_record_on(
    table: Table, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    source = BATCH + (
        "    if len(event['Records']) == 3:\n"
        "        return {'batchItemFailures': [{'itemIdentifier': event['Records'][1]['dynamodb']['SequenceNumber']}]}\n"
    )
    functions.python("f", source)
    table.put("a", "b", "c")
    table.map(FunctionResponseTypes=["ReportBatchItemFailures"])
    world.clock.advance(minutes=1)
    assert batches(log_lines(LOG)) == ["a,b,c", "b,c"]


def test_filters_choose_records(table: Table, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]) -> None:
    functions.python("f", BATCH)
    table.map(FilterCriteria={"Filters": [{"Pattern": '{"dynamodb": {"Keys": {"id": {"S": [{"prefix": "x"}]}}}}'}]})
    table.put("a", "x1", "b", "x2")
    world.settle()
    assert ",".join(batches(log_lines(LOG))) == "x1,x2"


WINDOWS = """import json
def handler(event, context):
    state = event["state"]
    for record in event["Records"]:
        state["n"] = state.get("n", 0) + 1
    final = event["isFinalInvokeForWindow"]
    print("window", json.dumps([len(event["Records"]), state.get("n"), final, event["window"], event["shardId"][:8]]))
    return {} if final else {"state": state}
"""


def test_a_tumbling_window_carries_its_state_to_its_end(
    table: Table, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    functions.python("f", WINDOWS)
    world.clock.set(datetime(2027, 1, 1, 12, 0, 5, tzinfo=UTC))
    world.clock.freeze()
    table.map(TumblingWindowInSeconds=60, BatchSize=2)
    table.put("a", "b", "c")
    world.settle()
    world.clock.advance(seconds=60)
    world.settle()
    table.put("d")
    world.settle()
    lines = [json.loads(line.removeprefix("window ")) for line in log_lines(LOG) if line.startswith("window")]
    first = {"start": "2027-01-01T12:00:00Z", "end": "2027-01-01T12:01:00Z"}
    assert [line[3] for line in lines[:-1]] == [first] * (len(lines) - 1)
    assert sum(line[0] for line in lines[:-1]) == 3
    assert lines[-2][:3] == [0, 3, True] and all(line[2] is False for line in lines[:-2])
    assert lines[-1][:4] == [1, 1, False, {"start": "2027-01-01T12:01:00Z", "end": "2027-01-01T12:02:00Z"}]


def test_parallel_lanes_keep_the_order_of_each_key(
    table: Table, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    source = (
        "def handler(event, context):\n    for r in event['Records']:\n"
        "        print('saw', r['dynamodb']['Keys']['id']['S'], r['dynamodb']['SequenceNumber'])\n"
    )
    functions.python("f", source)
    uuid = table.map(ParallelizationFactor=4, BatchSize=3)
    for number in range(4):
        for key in ("a", "b", "c", "d", "e"):
            table.dynamodb.put_item(TableName="table", Item={"id": {"S": key}, "n": {"N": str(number)}})
    world.settle()
    seen: dict[str, list[int]] = {}
    for line in log_lines(LOG):
        if line.startswith("saw"):
            _, key, sequence = line.split()
            seen.setdefault(key, []).append(int(sequence))
    assert {key: len(found) for key, found in seen.items()} == dict.fromkeys("abcde", 4)
    assert all(found == sorted(found) for found in seen.values())
    assert table.client.get_event_source_mapping(UUID=uuid)["ParallelizationFactor"] == 4
    table.client.update_event_source_mapping(UUID=uuid, ParallelizationFactor=1)
    world.clock.advance(seconds=0.001)
    table.put("f")
    world.settle()
    assert any(line.startswith("saw f") for line in log_lines(LOG))


def test_each_lane_has_windows_of_its_own(
    table: Table, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    source = (
        "import json\ndef handler(event, context):\n    state = event['state']\n"
        "    for r in event['Records']:\n        key = r['dynamodb']['Keys']['id']['S']\n        state[key] = state.get(key, 0) + 1\n"
        "    if event['isFinalInvokeForWindow']:\n        print('final', json.dumps(state))\n    return {'state': state}\n"
    )
    functions.python("f", source)
    world.clock.set(datetime(2027, 1, 1, 12, 0, 5, tzinfo=UTC))
    world.clock.freeze()
    table.map(TumblingWindowInSeconds=60, ParallelizationFactor=3, BatchSize=4)
    for number in range(3):
        for key in ("a", "b", "c", "d", "e"):
            table.dynamodb.put_item(TableName="table", Item={"id": {"S": key}, "n": {"N": str(number)}})
    world.settle()
    world.clock.advance(seconds=60)
    world.settle()
    finals = [json.loads(line.removeprefix("final ")) for line in log_lines(LOG) if line.startswith("final")]
    assert len(finals) > 1
    together = [item for state in finals for item in state.items()]
    assert sorted(together) == [(key, 3) for key in "abcde"]
