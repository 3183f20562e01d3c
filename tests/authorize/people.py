"""People with keys of their own, and policies in few words."""

from __future__ import annotations

import json
from typing import Any

from cloudjar.gateway.inprocess import LocalWorld


class Person:
    """An IAM user of a world, and clients that sign as that user."""

    def __init__(self, world: LocalWorld, name: str, *statements: dict[str, Any], account: str = "000000000000") -> None:
        self.world = world
        self.iam = world.client("iam", access_key=account)
        self.name = name
        self.arn = self.iam.create_user(UserName=name)["User"]["Arn"]
        self.allow(*statements)
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        self.key, self.secret = key["AccessKeyId"], key["SecretAccessKey"]

    def allow(self, *statements: dict[str, Any]) -> None:
        if statements:
            self.iam.put_user_policy(UserName=self.name, PolicyName="p", PolicyDocument=document(*statements))

    def client(self, service: str, **options: Any) -> Any:
        return self.world.client(service, access_key=self.key, secret=self.secret, **options)


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **each} for each in statements]})
