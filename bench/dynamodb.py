"""What DynamoDB costs: CPU of the jar per request, in a small table and in a large one among many. Prints a Markdown table.

    python bench/dynamodb.py [--requests 4000] [--items 100000] [--tables 1000]

Requests are signed once and sent again and again over 16 keep-alive connections. CPU times hold on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from s3 import cpu_seconds, free_port, memory_mib, replay, row

KEY = {"AttributeName": "id", "AttributeType": "S"}
SORT = {"AttributeName": "n", "AttributeType": "N"}
SCHEMA = [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}]


def request(port: int, operation: str, params: dict[str, Any]) -> bytes:
    """One signed request as bytes."""
    body = json.dumps(params).encode()
    headers = {
        "host": f"127.0.0.1:{port}",
        "x-amz-target": f"DynamoDB_20120810.{operation}",
        "content-type": "application/x-amz-json-1.0",
    }
    signed = AWSRequest("POST", f"http://127.0.0.1:{port}/", headers=headers, data=body)
    SigV4Auth(Credentials("test", "test"), "dynamodb", "us-east-1").add_auth(signed)
    lines = ["POST / HTTP/1.1", *[f"{name}: {value}" for name, value in signed.headers.items()], f"content-length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def item(partition: str, number: int) -> dict[str, Any]:
    """An item of some 250 bytes."""
    return {
        "id": {"S": partition},
        "n": {"N": str(number)},
        "name": {"S": f"name of {number}"},
        "price": {"N": "19.95"},
        "tags": {"SS": ["red", "green"]},
        "address": {"M": {"street": {"S": "x" * 100}, "zip": {"N": "12345"}, "lines": {"L": [{"S": "one"}, {"BOOL": True}]}}},
    }


def create(client: Any, name: str) -> None:
    client.create_table(TableName=name, KeySchema=SCHEMA, AttributeDefinitions=[KEY, SORT], BillingMode="PAY_PER_REQUEST")


def fill(client: Any, table: str, count: int) -> None:
    """`count` items in partitions of 10."""
    for first in range(0, count, 25):
        numbers = range(first, min(first + 25, count))
        writes = [{"PutRequest": {"Item": item(f"p{number // 10}", number % 10)}} for number in numbers]
        client.batch_write_item(RequestItems={table: writes})


def measure(port: int, pid: int, table: str, requests: int) -> dict[str, float]:
    key = {"id": {"S": "p5"}, "n": {"N": "5"}}
    query = {"KeyConditionExpression": "id = :id", "ExpressionAttributeValues": {":id": {"S": "p5"}}}
    update = {"UpdateExpression": "SET price = price + :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    costs = {}
    for name, operation, params in (
        ("get", "GetItem", {"Key": key}),
        ("put", "PutItem", {"Item": item("p5", 5)}),
        ("update", "UpdateItem", {"Key": key, **update}),
        ("query of 10 items", "Query", query),
    ):
        data = request(port, operation, {"TableName": table, **params})
        replay(port, data, requests // 4)
        before = cpu_seconds(pid)
        replay(port, data, requests)
        costs[name] = (cpu_seconds(pid) - before) / requests * 1e6
    return costs


def best(port: int, pid: int, tables: list[str], requests: int) -> dict[str, dict[str, float]]:
    """The least of three rounds, which take turns: the machine's other work comes and goes."""
    found: dict[str, dict[str, float]] = {table: {} for table in tables}
    for _ in range(3):
        for table in tables:
            for name, cost in measure(port, pid, table, requests).items():
                found[table][name] = min(cost, found[table].get(name, cost))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--tables", type=int, default=1000)
    options = parser.parse_args()
    port = free_port()
    command = [str(Path(sys.executable).with_name("cloudjar")), "up", "--foreground", "--ephemeral", "--port", str(port)]
    jar = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        run(options, port, jar.pid)
    finally:
        jar.terminate()
        jar.wait()


def run(options: argparse.Namespace, port: int, pid: int) -> None:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    client = session.client("dynamodb", endpoint_url=f"http://127.0.0.1:{port}", config=Config(retries={"max_attempts": 0}))
    create(client, "small")
    fill(client, "small", 100)
    alone = best(port, pid, ["small"], options.requests)["small"]
    for number in range(options.tables - 2):
        create(client, f"other-{number}")
    create(client, "large")
    started = time.perf_counter()
    fill(client, "large", options.items)
    filled = time.perf_counter() - started
    among = best(port, pid, ["small", "large"], options.requests)
    tables = f"{options.tables:,} tables"
    print(
        f"| 16 connections, CPU of the jar, microseconds | 100 items, 1 table | 100 items, {tables} | {options.items:,} items, {tables} |"
    )
    print("|---|---|---|---|")
    for name, cost in alone.items():
        row(name, f"{cost:.0f}", f"{among['small'][name]:.0f}", f"{among['large'][name]:.0f}")
    rate, memory = options.items / filled, memory_mib(pid, "VmRSS")
    print(f"\n{rate:,.0f} items a second by BatchWriteItem from one boto3 client; {memory:.0f} MiB of memory.")


if __name__ == "__main__":
    main()
