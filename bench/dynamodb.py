"""What DynamoDB costs: CPU of the jar per request, in a small table and in a large one among many. Prints a Markdown table.

    python bench/dynamodb.py [--requests 4000] [--items 100000] [--tables 1000]

Requests are signed once and sent again and again over 16 keep-alive connections. CPU times hold on a busy machine.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from typing import Any

from load import client, cost, memory_mib, replay, row, running_jar, signed_json

KEY = {"AttributeName": "id", "AttributeType": "S"}
SORT = {"AttributeName": "n", "AttributeType": "N"}
SCHEMA = [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}]


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


def create(dynamodb: Any, name: str) -> None:
    dynamodb.create_table(TableName=name, KeySchema=SCHEMA, AttributeDefinitions=[KEY, SORT], BillingMode="PAY_PER_REQUEST")


def fill(dynamodb: Any, table: str, count: int) -> None:
    """`count` items in partitions of 10."""
    for first in range(0, count, 25):
        numbers = range(first, min(first + 25, count))
        writes = [{"PutRequest": {"Item": item(f"p{number // 10}", number % 10)}} for number in numbers]
        dynamodb.batch_write_item(RequestItems={table: writes})


def measure(port: int, pid: int, table: str, requests: int) -> dict[str, float]:
    key = {"id": {"S": "p5"}, "n": {"N": "5"}}
    query = {"KeyConditionExpression": "id = :id", "ExpressionAttributeValues": {":id": {"S": "p5"}}}
    update = {"UpdateExpression": "SET price = price + :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    hello = f"GET /_cloudjar/health HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n".encode()
    costs = {"own health page (hello)": cost(pid, requests, partial(replay, port, hello, requests))}
    for name, operation, params in (
        ("get", "GetItem", {"Key": key}),
        ("put", "PutItem", {"Item": item("p5", 5)}),
        ("update", "UpdateItem", {"Key": key, **update}),
        ("query of 10 items", "Query", query),
    ):
        data = signed_json(port, "dynamodb", f"DynamoDB_20120810.{operation}", {"TableName": table, **params})
        replay(port, data, requests // 4)
        costs[name] = cost(pid, requests, partial(replay, port, data, requests))
    return costs


def best(port: int, pid: int, tables: list[str], requests: int) -> dict[str, dict[str, float]]:
    """The least of three rounds, which take turns: the machine's other work comes and goes."""
    found: dict[str, dict[str, float]] = {table: {} for table in tables}
    for _ in range(3):
        for table in tables:
            for name, spent in measure(port, pid, table, requests).items():
                found[table][name] = min(spent, found[table].get(name, spent))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--tables", type=int, default=1000)
    options = parser.parse_args()
    with running_jar() as (port, pid):
        run(options, port, pid)


def run(options: argparse.Namespace, port: int, pid: int) -> None:
    dynamodb = client("dynamodb", port)
    create(dynamodb, "small")
    fill(dynamodb, "small", 100)
    alone = best(port, pid, ["small"], options.requests)["small"]
    for number in range(options.tables - 2):
        create(dynamodb, f"other-{number}")
    create(dynamodb, "large")
    started = time.perf_counter()
    fill(dynamodb, "large", options.items)
    filled = time.perf_counter() - started
    among = best(port, pid, ["small", "large"], options.requests)
    tables = f"{options.tables:,} tables"
    print(
        f"| 16 connections, CPU of the jar, microseconds | 100 items, 1 table | 100 items, {tables} | {options.items:,} items, {tables} |"
    )
    print("|---|---|---|---|")
    for name, spent in alone.items():
        row(name, f"{spent:.0f}", f"{among['small'][name]:.0f}", f"{among['large'][name]:.0f}")
    rate, memory = options.items / filled, memory_mib(pid, "VmRSS")
    print(f"\n{rate:,.0f} items a second by BatchWriteItem from one boto3 client; {memory:.0f} MiB of memory.")


if __name__ == "__main__":
    main()
