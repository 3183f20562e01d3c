"""SQS as an event source: batches, windows, partial failures, filters, states."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloudjar.gateway.inprocess import LocalJar, LocalWorld

from .conftest import Functions

BATCH = "def handler(event, context):\n    print('batch', ','.join(sorted(r['body'] for r in event['Records'])))\n"
SQS_ROLE = "arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole"
LOG = "/aws/lambda/f"


class Queue:
    """A queue, and the mapping that feeds it to the function `f`."""

    def __init__(self, world: LocalWorld, functions: Functions, name: str = "q", **attributes: str) -> None:
        self.world = world
        self.client = functions.client
        self.sqs = world.client("sqs")
        self.url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"

    def map(self, **options: Any) -> str:
        answer = self.client.create_event_source_mapping(EventSourceArn=self.arn, FunctionName="f", **options)
        assert answer["State"] == "Creating"
        self.world.settle()
        return str(answer["UUID"])

    def send(self, *bodies: str, **options: Any) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body, **options)

    def counts(self) -> tuple[int, int]:
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])["Attributes"]
        return int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"])


@pytest.fixture
def queue(world: LocalWorld, functions: Functions) -> Queue:
    world.client("iam").attach_role_policy(RoleName="function", PolicyArn=SQS_ROLE)
    return Queue(world, functions)


def batches(lines: list[str]) -> list[str]:
    return [line.removeprefix("batch ").strip() for line in lines if line.startswith("batch ")]


def test_a_message_calls_the_function_and_is_deleted(
    queue: Queue, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    functions.python("f", BATCH)
    queue.map()
    queue.send("one")
    world.settle()
    assert batches(log_lines(LOG)) == ["one"]
    assert queue.counts() == (0, 0)


def test_messages_that_were_there_before_the_mapping_are_handled_in_one_batch(
    queue: Queue, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    functions.python("f", BATCH)
    queue.send("a", "b", "c")
    queue.map()
    world.settle()
    assert batches(log_lines(LOG)) == ["a,b,c"]


def test_a_record_looks_as_lambda_documents_it(queue: Queue, functions: Functions, world: LocalWorld, log_lines: Any) -> None:
    functions.python("f", "import json\ndef handler(event, context):\n    print('got', json.dumps(event['Records'][0]))\n")
    queue.map()
    queue.send("hello", MessageAttributes={"n": {"DataType": "Number", "StringValue": "7"}})
    world.settle()
    record = json.loads(next(line for line in log_lines(LOG) if line.startswith("got "))[4:])
    assert record["body"] == "hello"
    assert record["messageAttributes"]["n"] == {"stringValue": "7", "stringListValues": [], "binaryListValues": [], "dataType": "Number"}
    assert record["eventSource"] == "aws:sqs" and record["eventSourceARN"] == queue.arn and record["awsRegion"] == "us-east-1"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["md5OfBody"] == "5d41402abc4b2a76b9719d911017c592"


def test_a_batch_that_fails_is_seen_again_after_its_visibility_timeout(
    queue: Queue, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    functions.python("f", BATCH + "    raise ValueError('no')\n")
    queue.map()
    world.clock.freeze()
    queue.send("x")
    world.settle()
    counts = [len(batches(log_lines(LOG)))]
    for seconds in (29, 1):
        world.clock.advance(seconds=seconds)
        counts.append(len(batches(log_lines(LOG))))
    assert counts == [1, 1, 2]


def test_a_batch_that_keeps_failing_goes_to_the_dead_letter_queue(
    queue: Queue, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    dead = queue.sqs.create_queue(QueueName="dead")["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": 2})
    queue.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"RedrivePolicy": policy})
    functions.python("f", BATCH + "    raise ValueError('no')\n")
    queue.map()
    queue.send("x")
    world.clock.advance(minutes=5)
    assert len(batches(log_lines(LOG))) == 2
    assert queue.sqs.receive_message(QueueUrl=dead)["Messages"][0]["Body"] == "x"


def test_only_reported_items_are_seen_again(
    queue: Queue, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    report = "    return {'batchItemFailures': [{'itemIdentifier': r['messageId']} for r in event['Records'] if r['body'] == 'bad']}\n"
    functions.python("f", BATCH + report)
    queue.send("good", "bad")
    world.clock.freeze()
    queue.map(FunctionResponseTypes=["ReportBatchItemFailures"])
    world.settle()
    assert queue.counts() == (0, 1)
    world.clock.advance(seconds=30)
    assert batches(log_lines(LOG)) == ["bad,good", "bad"]


def test_a_report_of_unknown_items_fails_the_whole_batch(queue: Queue, functions: Functions, world: LocalWorld) -> None:
    functions.python("f", "def handler(event, context):\n    return {'batchItemFailures': [{'itemIdentifier': 'nobody'}]}\n")
    queue.send("a", "b")
    world.clock.freeze()
    queue.map(FunctionResponseTypes=["ReportBatchItemFailures"])
    world.settle()
    assert queue.counts() == (0, 2)


def test_messages_that_no_filter_wants_are_deleted_without_a_call(
    queue: Queue, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    functions.python("f", BATCH)
    queue.map(FilterCriteria={"Filters": [{"Pattern": '{"body": {"n": [{"numeric": [">", 5]}]}}'}]})
    queue.send('{"n": 3}', '{"n": 9}', "text")
    world.settle()
    assert batches(log_lines(LOG)) == ['{"n": 9}']
    assert queue.counts() == (0, 0)


def test_a_window_gathers_messages_into_one_batch(
    queue: Queue, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    functions.python("f", BATCH)
    queue.map(BatchSize=50, MaximumBatchingWindowInSeconds=20)
    world.clock.freeze()
    queue.send("a")
    world.clock.advance(seconds=10)
    queue.send("b")
    world.clock.advance(seconds=9)
    assert queue.counts() == (2, 0)
    world.clock.advance(seconds=1)
    assert batches(log_lines(LOG)) == ["a,b"]


def test_a_full_batch_does_not_wait_for_its_window(
    queue: Queue, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    functions.python("f", BATCH)
    world.clock.freeze()
    queue.map(BatchSize=12, MaximumBatchingWindowInSeconds=300)
    for start in (0, 6):
        entries = [{"Id": str(n), "MessageBody": f"{n:02d}"} for n in range(start, start + 6)]
        queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
    world.settle()
    assert batches(log_lines(LOG)) == [",".join(f"{n:02d}" for n in range(12))]


def test_a_delayed_message_arrives_when_its_delay_is_over(
    queue: Queue, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    functions.python("f", BATCH)
    queue.map()
    world.clock.freeze()
    queue.send("now")
    queue.send("later", DelaySeconds=60)
    world.settle()
    world.clock.advance(seconds=59)
    before = batches(log_lines(LOG))
    world.clock.advance(seconds=1)
    assert (before, batches(log_lines(LOG))) == (["now"], ["now", "later"])


def test_a_fifo_queues_groups_stay_in_order(
    queue: Queue, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    fifo = Queue(world, functions, "q.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    functions.python("f", BATCH)
    for n in range(6):
        fifo.send(str(n), MessageGroupId="g")
    fifo.map(BatchSize=2)
    world.settle()
    assert batches(log_lines(LOG)) == ["0,1", "2,3", "4,5"]


def test_a_disabled_mapping_leaves_messages_alone_until_it_is_enabled(
    queue: Queue, functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    functions.python("f", BATCH)
    uuid = queue.map(Enabled=False)
    assert functions.client.get_event_source_mapping(UUID=uuid)["State"] == "Disabled"
    queue.send("x")
    world.settle()
    assert queue.counts() == (1, 0)
    assert functions.client.update_event_source_mapping(UUID=uuid, Enabled=True)["State"] == "Enabling"
    world.clock.advance(seconds=1)
    assert batches(log_lines(LOG)) == ["x"]
    assert functions.client.get_event_source_mapping(UUID=uuid)["State"] == "Enabled"


def test_a_deleted_mapping_is_gone_and_serves_no_more(queue: Queue, functions: Functions, world: LocalWorld, aws_error: Any) -> None:
    functions.python("f", BATCH)
    uuid = queue.map()
    assert functions.client.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    world.clock.advance(seconds=1)
    with aws_error("ResourceNotFoundException"):
        functions.client.get_event_source_mapping(UUID=uuid)
    queue.send("x")
    world.settle()
    assert queue.counts() == (1, 0)


def test_mappings_are_listed_by_function_and_by_source(queue: Queue, functions: Functions) -> None:
    functions.python("f", BATCH)
    uuid = queue.map()
    client = functions.client
    assert [m["UUID"] for m in client.list_event_source_mappings(FunctionName="f")["EventSourceMappings"]] == [uuid]
    assert [m["UUID"] for m in client.list_event_source_mappings(EventSourceArn=queue.arn)["EventSourceMappings"]] == [uuid]
    assert client.list_event_source_mappings(FunctionName="other")["EventSourceMappings"] == []


def test_the_same_mapping_twice_is_refused(queue: Queue, functions: Functions, aws_error: Any) -> None:
    functions.python("f", BATCH)
    queue.map()
    with aws_error("ResourceConflictException"):
        queue.map()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"BatchSize": 11}, "Maximum batch window in seconds must be greater than 0"),
        ({"StartingPosition": "LATEST"}, "StartingPosition is not valid for SQS event sources"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "{"}]}}, "Invalid filter pattern definition"),
        ({"EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:none"}, "does not exist"),
    ],
)
def test_settings_that_make_no_sense_are_refused(queue: Queue, functions: Functions, options: dict[str, Any], words: str) -> None:
    functions.python("f", BATCH)
    with pytest.raises(ClientError, match=words):
        functions.client.create_event_source_mapping(**{"EventSourceArn": queue.arn, "FunctionName": "f", **options})


def test_a_queue_that_shows_messages_again_before_the_function_ends_is_refused(queue: Queue, functions: Functions) -> None:
    functions.python("f", BATCH, Timeout=60)
    with pytest.raises(ClientError, match="Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds"):
        queue.map()


def test_a_role_that_may_not_receive_is_refused(world: LocalWorld, functions: Functions) -> None:
    queue = Queue(world, functions)
    functions.python("f", BATCH)
    with pytest.raises(ClientError, match="execution role does not have permissions to call ReceiveMessage on SQS"):
        queue.map()


def test_a_reserved_concurrency_of_none_leaves_messages_in_the_queue(queue: Queue, functions: Functions, world: LocalWorld) -> None:
    functions.python("f", BATCH)
    functions.client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    world.clock.freeze()
    queue.map()
    queue.send("x")
    world.settle()
    assert queue.counts() == (0, 1)
    functions.client.delete_function_concurrency(FunctionName="f")
    world.clock.advance(seconds=30)
    assert queue.counts() == (0, 0)


DIES = """
import sys
from pathlib import Path
from cloudjar.gateway.inprocess import LocalJar
sys.path.insert(0, sys.argv[2])
from lambda_.conftest import Functions, make_role
from lambda_.test_queue_sources import Queue, SQS_ROLE
jar = LocalJar(Path(sys.argv[1]))
world = jar.world()
functions = Functions(world, make_role(world))
world.client("iam").attach_role_policy(RoleName="function", PolicyArn=SQS_ROLE)
queue = Queue(world, functions, VisibilityTimeout="20")
functions.python("f", "import time\\ndef handler(event, context):\\n    print('batch', event['Records'][0]['body'])\\n    time.sleep(5)\\n")
queue.map()
queue.send("x")
print("sent", flush=True)
sys.stdin.read()
"""


def test_a_message_that_was_being_handled_survives_the_death_of_the_jar(tmp_path: Path) -> None:
    command = [sys.executable, "-c", DIES, str(tmp_path / "data"), str(Path(__file__).parent.parent)]
    jar = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert jar.stdout is not None
    assert jar.stdout.readline() == "sent\n"
    os.kill(jar.pid, signal.SIGKILL)
    jar.wait()
    with LocalJar(tmp_path / "data") as again:
        world = again.world()
        world.clock.advance(minutes=1)
        sqs = world.client("sqs")
        url = sqs.get_queue_url(QueueName="q")["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        left = (found["ApproximateNumberOfMessages"], found["ApproximateNumberOfMessagesNotVisible"])
        lines = [event["message"] for event in world.client("logs").filter_log_events(logGroupName=LOG)["events"]]
    assert left == ("0", "0")
    assert batches(lines)[-1] == "x"
