"""Keeps a world of the present release for later ones to open: `python scripts/old_world.py`, once for each release.

It writes tests/kernel/old_worlds/VERSION.tar; tests/kernel/test_old_worlds.py opens every one of them.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import cloudjar

FOLDER = Path(__file__).parents[1] / "tests" / "kernel" / "old_worlds"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def package() -> bytes:
    """A function's zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return event\n")
    return out.getvalue()


def main() -> None:
    """Makes the world and exports it."""
    with cloudjar.world(seed=b"old worlds") as world:
        s3 = world.client("s3")
        s3.create_bucket(Bucket="old-bucket")
        s3.put_object(Bucket="old-bucket", Key="small", Body=b"small")
        s3.put_object(Bucket="old-bucket", Key="large", Body=b"large" * 2000)
        role = world.client("iam").create_role(RoleName="old-role", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        functions = world.client("lambda")
        functions.create_function(
            FunctionName="old-function", Runtime="python3.11", Role=role, Handler="app.handler", Code={"ZipFile": package()}
        )
        logs = world.client("logs")
        logs.create_log_group(logGroupName="/old")
        logs.create_log_stream(logGroupName="/old", logStreamName="stream")
        now = int(world.clock.now().timestamp() * 1000)
        logs.put_log_events(logGroupName="/old", logStreamName="stream", logEvents=[{"timestamp": now, "message": "an old line"}])
        queue = world.client("sqs").create_queue(QueueName="old-queue")["QueueUrl"]
        world.client("sqs").send_message(QueueUrl=queue, MessageBody="an old message")
        table = world.client("dynamodb")
        table.create_table(
            TableName="old-table",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )
        world.settle()
        table.get_waiter("table_exists").wait(TableName="old-table", WaiterConfig={"Delay": 1})
        table.put_item(TableName="old-table", Item={"id": {"S": "1"}, "n": {"N": "42"}})
        world.clock.freeze()
        FOLDER.mkdir(exist_ok=True)
        target = FOLDER / f"{cloudjar.__version__}.tar"
        world.export(target)
        print(f"wrote {target}, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
