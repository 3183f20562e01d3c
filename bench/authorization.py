"""What verification and judging add to a call: CPU per call of the pipeline, without a socket.

    python bench/authorization.py

The root user without a secret is neither verified nor judged; a user is both; with judging off, only verified. Best of five rounds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import cloudjar
from cloudjar.gateway.inprocess import LocalWorld
from cloudjar.wire.http import BufferedBody, Request

TURNS = 2000
POLICY = {
    "Effect": "Allow",
    "Action": ["s3:*", "iam:Get*"],
    "Resource": "*",
    "Condition": {"StringEquals": {"aws:RequestedRegion": "us-east-1"}},
}


def captured(client: Any, operation: str, **arguments: Any) -> Callable[[], Request]:
    """Makes a call once, and then its request as often as wanted."""
    sent: list[Any] = []
    client.meta.events.register("before-send", lambda request, **_: sent.append(request))
    getattr(client, operation)(**arguments)
    parts = urlsplit(sent[0].url)
    headers = {"host": parts.netloc}
    for name, value in sent[0].headers.items():
        headers[name.lower()] = value.decode() if isinstance(value, bytes) else str(value)
    body = sent[0].body or b""
    data = body.encode() if isinstance(body, str) else body
    return lambda: Request(sent[0].method, parts.path or "/", parts.query, headers, BufferedBody(data))


def microseconds(world: LocalWorld, make: Callable[[], Request]) -> float:
    jar = world.local.jar

    async def round_of_calls() -> float:
        start = time.process_time()
        for _ in range(TURNS):
            answer = await jar.answer(world.name, make())
            if hasattr(answer.body, "close"):
                answer.body.close()
        return (time.process_time() - start) / TURNS * 1e6

    return min(world.local.run(round_of_calls()) for _ in range(5))


def main() -> None:
    with cloudjar.world() as world:
        iam, s3 = world.client("iam"), world.client("s3")
        iam.create_user(UserName="ann")
        key = iam.create_access_key(UserName="ann")["AccessKey"]
        iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": POLICY}))
        s3.create_bucket(Bucket="bench")
        s3.put_object(Bucket="bench", Key="k", Body=b"x" * 1024)
        user = {"access_key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
        calls: list[tuple[str, str, dict[str, str]]] = [
            ("sts", "get_caller_identity", {}),
            ("iam", "get_user", {"UserName": "ann"}),
            ("s3", "get_object", {"Bucket": "bench", "Key": "k"}),
        ]
        judge = world.local.jar.judge
        print("| call | root µs | user, verified µs | user, verified and judged µs | added µs |\n| --- | --- | --- | --- | --- |")
        for service, operation, arguments in calls:
            root = microseconds(world, captured(world.client(service), operation, **arguments))
            make = captured(world.client(service, **user), operation, **arguments)
            judge.mode = "off"
            verified = microseconds(world, make)
            judge.mode = "enforce"
            judged = microseconds(world, make)
            print(f"| {service} {operation} | {root:.0f} | {verified:.0f} | {judged:.0f} | {judged - root:.0f} |")


if __name__ == "__main__":
    main()
