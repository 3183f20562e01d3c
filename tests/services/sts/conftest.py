"""What STS's tests share."""

from __future__ import annotations

import pytest


@pytest.fixture
def iam(world):
    return world.client("iam")


@pytest.fixture
def sts(world):
    return world.client("sts")


@pytest.fixture
def as_user(world, iam):
    """`as_user("ada")`: an STS client of a new user that may assume roles."""

    def make(name, service="sts"):
        iam.create_user(UserName=name)
        iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return world.client(service, access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])

    return make


@pytest.fixture
def with_credentials(world):
    """`with_credentials(answer["Credentials"])`: a client of a session."""

    def make(credentials, service="sts"):
        return world.client(
            service,
            access_key=credentials["AccessKeyId"],
            secret=credentials["SecretAccessKey"],
            session_token=credentials["SessionToken"],
        )

    return make
