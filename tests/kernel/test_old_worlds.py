"""Worlds that earlier releases wrote still open, with everything in them."""

from pathlib import Path

import pytest

from cloudjar.gateway.inprocess import LocalJar

FILES = sorted((Path(__file__).parent / "old_worlds").glob("*.tar"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_world_of_an_earlier_release_opens(file):
    with LocalJar() as jar:
        world = jar.import_world(file, "old")
        s3 = world.client("s3")
        assert s3.get_object(Bucket="old-bucket", Key="small")["Body"].read() == b"small"
        assert s3.get_object(Bucket="old-bucket", Key="large")["Body"].read() == b"large" * 2000
        assert world.client("iam").get_role(RoleName="old-role")["Role"]["RoleName"] == "old-role"
        assert world.client("lambda").get_function(FunctionName="old-function")["Configuration"]["Runtime"] == "python3.11"
        events = world.client("logs").filter_log_events(logGroupName="/old")["events"]
        assert [event["message"] for event in events] == ["an old line"]
        sqs = world.client("sqs")
        queue = sqs.get_queue_url(QueueName="old-queue")["QueueUrl"]
        assert sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "an old message"
        assert world.client("dynamodb").get_item(TableName="old-table", Key={"id": {"S": "1"}})["Item"]["n"] == {"N": "42"}


def test_this_release_has_left_its_world():
    import cloudjar

    assert cloudjar.__version__ in [file.stem for file in FILES], "run: python scripts/old_world.py"
