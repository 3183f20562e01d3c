"""A long mixed load over what most applications use, and what it does to the jar's memory. Prints a Markdown table as it goes.

    python bench/soak.py [--minutes 3] [--workers 4] [--every 15]

Each worker goes round S3, SQS (standard, FIFO, a long poll), SNS, KMS, Parameter Store, Secrets Manager, EventBridge (a rule that sends to
the queue), CloudWatch Logs (a group that is deleted and made anew), CloudWatch and DynamoDB, with things that come and go. A stuck consumer
holds a long poll all the while. Memory is flat if `anonymous` is: the rest of the resident pages are the world's file, which the system
maps and takes back as it likes, and the file grows with the trail's ninety days of records.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from load import client, cpu_seconds, memory_mib, row, running_jar

NAMES = ("s3", "sqs", "sns", "kms", "ssm", "secretsmanager", "events", "logs", "cloudwatch", "dynamodb")


class Worker(threading.Thread):
    """One client of each service, going round until `over` is set."""

    def __init__(self, number: int, port: int, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self.number = number
        self.over = over
        self.rounds = 0
        self.problem: BaseException | None = None
        self.clients: dict[str, Any] = {name: client(name, port) for name in NAMES}

    def run(self) -> None:
        try:
            self._set_up()
            while not self.over.is_set():
                self._round()
                self.rounds += 1
        except BaseException as problem:
            self.problem = problem
            self.over.set()

    def _set_up(self) -> None:
        c, n = self.clients, self.number
        self.queue = c["sqs"].create_queue(QueueName=f"soak-{n}")["QueueUrl"]
        fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
        self.fifo = c["sqs"].create_queue(QueueName=f"soak-{n}.fifo", Attributes=fifo)["QueueUrl"]
        arn = f"arn:aws:sqs:us-east-1:000000000000:soak-{n}"
        services = ["sns.amazonaws.com", "events.amazonaws.com"]
        allow = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        c["sqs"].set_queue_attributes(QueueUrl=self.queue, Attributes={"Policy": policy})
        self.topic = c["sns"].create_topic(Name=f"soak-{n}")["TopicArn"]
        c["sns"].subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)
        c["s3"].create_bucket(Bucket=f"soak-{n}")
        self.key = c["kms"].create_key()["KeyMetadata"]["KeyId"]
        self.secret = c["secretsmanager"].create_secret(Name=f"soak-{n}", SecretString="x")["ARN"]
        c["events"].put_rule(Name=f"soak-{n}", EventPattern=json.dumps({"source": [f"soak-{n}"]}))
        c["events"].put_targets(Rule=f"soak-{n}", Targets=[{"Id": "queue", "Arn": arn}])
        c["dynamodb"].create_table(
            TableName=f"soak-{n}",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        c["dynamodb"].get_waiter("table_exists").wait(TableName=f"soak-{n}")

    def _round(self) -> None:
        self._messages()
        self._keys()
        self._settings()
        self._observations()
        self._items()
        s3, bucket, key = self.clients["s3"], f"soak-{self.number}", f"k{self.rounds % 50}"
        s3.put_object(Bucket=bucket, Key=key, Body=b"x" * (100_000 if self.rounds % 10 == 0 else 1024))
        s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        s3.delete_object(Bucket=bucket, Key=key)

    def _messages(self) -> None:
        sqs, sns = self.clients["sqs"], self.clients["sns"]
        for number in range(5):
            sqs.send_message(QueueUrl=self.queue, MessageBody=f"{self.rounds}-{number}" + "x" * 200)
            sqs.send_message(QueueUrl=self.fifo, MessageBody=f"{self.rounds}-{number}", MessageGroupId=str(self.rounds % 20))
        sns.publish(TopicArn=self.topic, Message="x" * 300)
        for url in (self.queue, self.fifo):
            while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
                entries = [{"Id": str(at), "ReceiptHandle": each["ReceiptHandle"]} for at, each in enumerate(found)]
                sqs.delete_message_batch(QueueUrl=url, Entries=entries)

    def _keys(self) -> None:
        kms = self.clients["kms"]
        blob = kms.encrypt(KeyId=self.key, Plaintext=b"secret", EncryptionContext={"round": str(self.rounds)})["CiphertextBlob"]
        kms.decrypt(CiphertextBlob=blob, EncryptionContext={"round": str(self.rounds)})
        kms.generate_data_key(KeyId=self.key, KeySpec="AES_256")

    def _settings(self) -> None:
        ssm, secrets = self.clients["ssm"], self.clients["secretsmanager"]
        ssm.put_parameter(Name=f"/soak/{self.number}", Value=str(self.rounds), Type="SecureString", Overwrite=True)
        ssm.get_parameters_by_path(Path="/soak", WithDecryption=True)
        if self.rounds % 10 == 0:
            secrets.put_secret_value(SecretId=self.secret, SecretString=str(self.rounds))
        secrets.get_secret_value(SecretId=self.secret)

    def _observations(self) -> None:
        events, logs, cloudwatch, name = self.clients["events"], self.clients["logs"], self.clients["cloudwatch"], f"soak-{self.number}"
        events.put_events(Entries=[{"Source": name, "DetailType": "round", "Detail": json.dumps({"round": self.rounds})}] * 3)
        if self.rounds % 100 == 0:
            with suppress(logs.exceptions.ResourceNotFoundException):
                logs.delete_log_group(logGroupName=name)
            logs.create_log_group(logGroupName=name)
            logs.create_log_stream(logGroupName=name, logStreamName="s")
        now = int(time.time() * 1000)
        lines = [{"timestamp": now, "message": json.dumps({"round": self.rounds, "line": line})} for line in range(20)]
        logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=lines)
        logs.filter_log_events(logGroupName=name, filterPattern="{ $.line = 7 }", limit=10)
        cloudwatch.put_metric_data(Namespace=name, MetricData=[{"MetricName": "rounds", "Value": self.rounds % 17}])
        span = {"StartTime": now / 1000 - 300, "EndTime": now / 1000 + 60}
        cloudwatch.get_metric_statistics(Namespace=name, MetricName="rounds", Period=60, Statistics=["Sum"], **span)

    def _items(self) -> None:
        dynamodb, table = self.clients["dynamodb"], f"soak-{self.number}"
        key = {"id": {"S": str(self.rounds % 200)}}
        dynamodb.put_item(TableName=table, Item={**key, "text": {"S": "x" * 500}, "n": {"N": str(self.rounds)}})
        add = {":one": {"N": "1"}}
        dynamodb.update_item(TableName=table, Key=key, UpdateExpression="SET n = n + :one", ExpressionAttributeValues=add)
        dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)
        if self.rounds % 5 == 0:
            dynamodb.delete_item(TableName=table, Key=key)


def stuck_consumer(port: int, over: threading.Event) -> None:
    """Waits at an empty queue, again and again."""
    sqs = client("sqs", port)
    url = sqs.create_queue(QueueName="stuck")["QueueUrl"]
    with suppress(Exception):
        while not over.is_set():
            sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)


def world_mib(pid: int) -> float:
    """How much of the disk the world's file takes."""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        if line.endswith("/data.mdb"):
            return Path(line.split(maxsplit=5)[5]).stat().st_blocks * 512 / 2**20
    return 0.0


def soak(port: int, pid: int, options: argparse.Namespace) -> None:
    over = threading.Event()
    workers = [Worker(number, port, over) for number in range(options.workers)]
    threading.Thread(target=stuck_consumer, args=(port, over), daemon=True).start()
    for worker in workers:
        worker.start()
    print("| seconds | rounds | anonymous, MiB | resident, MiB | file, MiB | CPU a round, ms |\n|---|---|---|---|---|---|")
    start, last_rounds, last_cpu = time.monotonic(), 0, cpu_seconds(pid)
    while (elapsed := time.monotonic() - start) < options.minutes * 60 and not over.is_set():
        over.wait(options.every)
        rounds, cpu = sum(worker.rounds for worker in workers), cpu_seconds(pid)
        size = world_mib(pid)
        each = (cpu - last_cpu) / max(1, rounds - last_rounds) * 1000
        anonymous, resident = memory_mib(pid, "RssAnon"), memory_mib(pid, "VmRSS")
        row(f"{elapsed + options.every:.0f}", rounds, f"{anonymous:.1f}", f"{resident:.1f}", f"{size:.0f}", f"{each:.1f}")
        last_rounds, last_cpu = rounds, cpu
    over.set()
    for worker in workers:
        worker.join(30)
        if worker.problem is not None:
            raise worker.problem


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--every", type=float, default=15)
    options = parser.parse_args()
    with running_jar() as (port, pid):
        soak(port, pid, options)


if __name__ == "__main__":
    main()
