"""Clients that keep a ledger: what they asked for, what was acknowledged, and how to tell afterwards whether the cloud kept its word.

Each actor works on things of its own, one call at a time. `step` makes its next call; it writes down what it asks before it asks, and
that it was answered afterwards. `check` raises AssertionError if anything acknowledged is missing, or if anything is there that nobody
asked for. A call that was never answered may have happened or not, but not by half.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

Clients = Callable[[str], Any]


class Actor:
    """One client and its ledger."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.chance = random.Random(f"{seed} {name}")
        self.n = 0

    def set_up(self, clients: Clients) -> None:
        """Makes what the steps need."""

    def step(self, clients: Clients) -> None:
        """The next call."""
        raise NotImplementedError

    def check(self, clients: Clients) -> None:
        """Compares the ledger with the cloud, which has come to rest."""
        raise NotImplementedError


class Objects(Actor):
    """Puts, overwrites and deletes objects, small ones and such as have a file of their own."""

    def set_up(self, clients: Clients) -> None:
        self.bucket = f"ledger-{self.name.lower()}"
        clients("s3").create_bucket(Bucket=self.bucket)
        self.kept: dict[str, set[str | None]] = {}
        """Key -> the digests that may be there now; None for no object."""

    def step(self, clients: Clients) -> None:
        self.n += 1
        s3, key = clients("s3"), f"k{self.chance.randrange(12)}"
        may_be = self.kept.setdefault(key, {None})
        if self.chance.random() < 0.25:
            may_be.add(None)
            s3.delete_object(Bucket=self.bucket, Key=key)
            self.kept[key] = {None}
            return
        body = self.chance.randbytes(self.chance.choice([10, 3_000, 40_000, 300_000]))
        digest = hashlib.md5(body).hexdigest()
        may_be.add(digest)
        s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        self.kept[key] = {digest}

    def check(self, clients: Clients) -> None:
        s3 = clients("s3")
        listed = {o["Key"]: o for o in s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])}
        for key, may_be in self.kept.items():
            if key not in listed:
                assert None in may_be, f"{key} is lost"
                self.kept[key] = {None}
                continue
            body = s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            digest = hashlib.md5(body).hexdigest()
            assert digest in may_be, f"{key} holds what nobody put, or something older than what was acknowledged"
            assert listed[key]["ETag"] == f'"{digest}"' and listed[key]["Size"] == len(body)
            self.kept[key] = {digest}


class Uploads(Actor):
    """Multipart uploads: an object is there whole, or its upload can be gone on with."""

    PART = 5 << 20

    def set_up(self, clients: Clients) -> None:
        self.bucket = f"ledger-{self.name.lower()}"
        clients("s3").create_bucket(Bucket=self.bucket)
        self.upload: tuple[str, str, list[dict[str, Any]]] | None = None
        self.completed: list[str] = []
        self.completing: str | None = None

    def step(self, clients: Clients) -> None:
        s3 = clients("s3")
        if self.upload is None:
            self.n += 1
            key = f"u{self.n}"
            self.upload = (key, s3.create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"], [])
            return
        key, upload, parts = self.upload
        named = {"Bucket": self.bucket, "Key": key, "UploadId": upload}
        if len(parts) < 2:
            number = len(parts) + 1
            body = bytes([self.n % 256]) * (self.PART if number == 1 else 1000)
            parts.append({"PartNumber": number, "ETag": s3.upload_part(**named, PartNumber=number, Body=body)["ETag"]})
            return
        self.completing = key
        s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
        self.completed.append(key)
        self.upload = self.completing = None

    def check(self, clients: Clients) -> None:
        s3 = clients("s3")
        there = {o["Key"]: o["Size"] for o in s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])}
        if self.completing and self.completing in there:
            self.completed.append(self.completing)
            self.upload = None
        self.completing = None
        assert there == dict.fromkeys(self.completed, self.PART + 1000)
        if self.upload is not None:
            key, upload, parts = self.upload
            kept = s3.list_parts(Bucket=self.bucket, Key=key, UploadId=upload).get("Parts", [])
            assert [p["ETag"] for p in kept][: len(parts)] == [p["ETag"] for p in parts]


class Messages(Actor):
    """Sends, receives and deletes messages of a queue."""

    def set_up(self, clients: Clients) -> None:
        self.queue = clients("sqs").create_queue(QueueName=self.name, Attributes={"VisibilityTimeout": "1"})["QueueUrl"]
        self.sent: set[str] = set()
        self.deleting: set[str] = set()
        self.deleted: set[str] = set()

    def step(self, clients: Clients) -> None:
        sqs = clients("sqs")
        if self.chance.random() < 0.6:
            self.n += 1
            sqs.send_message(QueueUrl=self.queue, MessageBody=str(self.n))
            self.sent.add(str(self.n))
            return
        for message in sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=3).get("Messages", []):
            self.deleting.add(message["Body"])
            sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
            self.deleted.add(message["Body"])

    def check(self, clients: Clients) -> None:
        left = Counter(drain(clients, self.queue, keep=True))
        assert not left.keys() & self.deleted, "a deleted message came back"
        lost = self.sent - left.keys() - self.deleting
        assert not lost, f"messages {sorted(lost)} are lost"
        assert all(count == 1 for count in left.values()) and max(map(int, left), default=0) <= self.n


class Items(Actor):
    """Writes pairs of items in two tables by transactions, and counts with an update."""

    def set_up(self, clients: Clients) -> None:
        dynamodb = clients("dynamodb")
        self.tables = [f"{self.name}-{side}" for side in ("left", "right")]
        for table in self.tables:
            dynamodb.create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            )
            dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})
        self.pairs: set[str] = set()
        self.counted = self.asked = 0

    def step(self, clients: Clients) -> None:
        dynamodb = clients("dynamodb")
        if self.chance.random() < 0.5:
            self.n += 1
            put = [{"Put": {"TableName": t, "Item": {"id": {"S": str(self.n)}, "value": {"N": str(self.n)}}}} for t in self.tables]
            dynamodb.transact_write_items(TransactItems=put)
            self.pairs.add(str(self.n))
            return
        self.asked += 1
        dynamodb.update_item(
            TableName=self.tables[0],
            Key={"id": {"S": "counter"}},
            UpdateExpression="ADD hits :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
        self.counted += 1

    def check(self, clients: Clients) -> None:
        dynamodb = clients("dynamodb")
        left, right = ({item["id"]["S"]: item for item in dynamodb.scan(TableName=t)["Items"]} for t in self.tables)
        hits = int(left.pop("counter", {"hits": {"N": "0"}})["hits"]["N"])
        assert self.counted <= hits <= self.asked
        self.counted = self.asked = hits
        assert left == right, "half of a transaction"
        assert self.pairs <= left.keys()


class Topic(Actor):
    """Publishes to a topic with two queues."""

    def set_up(self, clients: Clients) -> None:
        sns, sqs = clients("sns"), clients("sqs")
        self.topic = sns.create_topic(Name=self.name)["TopicArn"]
        self.queues = []
        for side in ("left", "right"):
            url = sqs.create_queue(QueueName=f"{self.name}-{side}")["QueueUrl"]
            arn = allow(sqs, url, "sns.amazonaws.com")
            sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
            self.queues.append(url)
        self.published: set[str] = set()

    def step(self, clients: Clients) -> None:
        self.n += 1
        clients("sns").publish(TopicArn=self.topic, Message=str(self.n))
        self.published.add(str(self.n))

    def check(self, clients: Clients) -> None:
        for queue in self.queues:
            came = set(drain(clients, queue))
            assert self.published <= came, f"{sorted(self.published - came)} were published and never came"
            assert max(map(int, came), default=0) <= self.n
        self.published = set()


class Bus(Actor):
    """Puts events of which a rule sends some to a queue."""

    def set_up(self, clients: Clients) -> None:
        events, sqs = clients("events"), clients("sqs")
        self.queue = sqs.create_queue(QueueName=self.name)["QueueUrl"]
        arn = allow(sqs, self.queue, "events.amazonaws.com")
        events.put_rule(Name=self.name, EventPattern=json.dumps({"source": [self.name], "detail": {"odd": [True]}}))
        events.put_targets(Rule=self.name, Targets=[{"Id": "1", "Arn": arn, "InputPath": "$.detail.n"}])
        self.put: set[str] = set()

    def step(self, clients: Clients) -> None:
        self.n += 1
        detail = json.dumps({"n": self.n, "odd": self.n % 2 == 1})
        answer = clients("events").put_events(Entries=[{"Source": self.name, "DetailType": "Counted", "Detail": detail}])
        assert answer["FailedEntryCount"] == 0
        if self.n % 2 == 1:
            self.put.add(str(self.n))

    def check(self, clients: Clients) -> None:
        came = set(drain(clients, self.queue))
        assert self.put <= came, f"{sorted(self.put - came)} were put and never came"
        assert all(int(n) % 2 == 1 and int(n) <= self.n for n in came)
        self.put = set()


class Parameters(Actor):
    """Overwrites a parameter and makes users, whose keys must go on working."""

    def set_up(self, clients: Clients) -> None:
        self.version = 0
        self.users: set[str] = set()

    def step(self, clients: Clients) -> None:
        if self.chance.random() < 0.6:
            self.n += 1
            answer = clients("ssm").put_parameter(Name=f"/{self.name}", Value=str(self.n), Type="String", Overwrite=True)
            assert answer["Version"] > self.version
            self.version = answer["Version"]
            return
        name = f"{self.name}-{len(self.users)}"
        try:
            clients("iam").create_user(UserName=name)
        except ClientError as error:
            # An earlier try, whose answer the crash took, did happen.
            assert error.response["Error"]["Code"] == "EntityAlreadyExists"
        self.users.add(name)

    def check(self, clients: Clients) -> None:
        if self.version:
            found = clients("ssm").get_parameter(Name=f"/{self.name}")["Parameter"]
            assert self.version <= found["Version"] <= self.n and int(found["Value"]) >= self.version
            history = clients("ssm").get_paginator("get_parameter_history").paginate(Name=f"/{self.name}")
            versions = [p["Version"] for page in history for p in page["Parameters"]]
            assert versions == list(range(versions[0], found["Version"] + 1))
        users = {u["UserName"] for page in clients("iam").get_paginator("list_users").paginate() for u in page["Users"]}
        assert self.users <= users


class Calls(Actor):
    """Calls a function asynchronously; its destination hears of every call that was acknowledged."""

    def __init__(self, name: str, seed: int, role: str, package: bytes) -> None:
        super().__init__(name, seed)
        self.role = role
        self.package = package

    def set_up(self, clients: Clients) -> None:
        sqs, functions = clients("sqs"), clients("lambda")
        self.queue = sqs.create_queue(QueueName=self.name)["QueueUrl"]
        arn = allow(sqs, self.queue, "lambda.amazonaws.com")
        functions.create_function(
            FunctionName=self.name, Runtime="python3.11", Handler="app.handler", Role=self.role, Code={"ZipFile": self.package}
        )
        functions.put_function_event_invoke_config(FunctionName=self.name, DestinationConfig={"OnSuccess": {"Destination": arn}})
        self.called: set[str] = set()

    def step(self, clients: Clients) -> None:
        self.n += 1
        clients("lambda").invoke(FunctionName=self.name, InvocationType="Event", Payload=json.dumps(self.n))
        self.called.add(str(self.n))

    def check(self, clients: Clients) -> None:
        came = {str(json.loads(body)["responsePayload"]) for body in drain(clients, self.queue)}
        assert self.called <= came, f"{sorted(self.called - came)} were accepted and never ran"
        assert max(map(int, came), default=0) <= self.n
        self.called = set()


def allow(sqs: Any, url: str, service: str) -> str:
    """Lets a service send to a queue; the queue's ARN."""
    arn: str = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sqs:SendMessage", "Resource": arn}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})})
    return arn


def drain(clients: Clients, url: str, *, keep: bool = False) -> list[str]:
    """The bodies of all messages of a queue; they are deleted, or put back where `keep`."""
    sqs, bodies, handles = clients("sqs"), [], []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600).get("Messages"):
        for message in messages:
            bodies.append(message["Body"])
            handles.append(message["ReceiptHandle"])
    for handle in handles:
        if keep:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
        else:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    return bodies
