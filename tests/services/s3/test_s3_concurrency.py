from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

SIZE = 50_000


def test_overlapping_puts_gets_and_deletes_of_one_key_neither_fail_nor_tear(world, s3, bucket):
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    client = session.client("s3", endpoint_url=world.endpoint, config=Config(retries={"max_attempts": 0}, max_pool_connections=6))

    def work(worker: int) -> list[str]:
        wrong = []
        for turn in range(15):
            if worker < 2:
                client.put_object(Bucket=bucket, Key="hot", Body=bytes([worker * 100 + turn]) * SIZE)
            elif worker == 2:
                client.delete_object(Bucket=bucket, Key="hot")
            else:
                try:
                    body = client.get_object(Bucket=bucket, Key="hot")["Body"].read()
                except ClientError as error:
                    if error.response["Error"]["Code"] != "NoSuchKey":
                        wrong.append(str(error))
                    continue
                if len(body) != SIZE or len(set(body)) != 1:
                    wrong.append("torn")
        return wrong

    with ThreadPoolExecutor(6) as pool:
        assert [wrong for found in pool.map(work, range(6)) for wrong in found] == []
