"""What IAM's tests share."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def iam(world):
    return world.client("iam")


@pytest.fixture
def sts(world):
    return world.client("sts")


def policy(action="s3:*", resource="*", effect="Allow"):
    """An identity policy of one statement."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": resource}]})


def trust(principal, action="sts:AssumeRole", **condition):
    """A trust policy of one statement."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


LAMBDA = trust({"Service": "lambda.amazonaws.com"})
