"""What KMS's tests share."""

from __future__ import annotations

import pytest


@pytest.fixture
def kms(world):
    return world.client("kms")


@pytest.fixture
def key(kms):
    """The id of a symmetric key."""
    return kms.create_key()["KeyMetadata"]["KeyId"]


@pytest.fixture
def as_user(world):
    """`as_user("ada", policy)`: a KMS client of a new IAM user with an inline policy, or none."""

    def make(name, policy=None, region="us-east-1"):
        iam = world.client("iam")
        iam.create_user(UserName=name)
        if policy is not None:
            iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy)
        access = iam.create_access_key(UserName=name)["AccessKey"]
        return world.client("kms", access_key=access["AccessKeyId"], secret=access["SecretAccessKey"], region=region)

    return make
