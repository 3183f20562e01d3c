from __future__ import annotations

from typing import Any

import pytest

from cloudjar.gateway.inprocess import LocalWorld

ACCOUNT = "000000000000"


@pytest.fixture
def s3(world: LocalWorld) -> Any:
    return world.client("s3")


@pytest.fixture
def control(world: LocalWorld) -> Any:
    return world.client("s3control")


@pytest.fixture
def bucket(s3: Any) -> str:
    s3.create_bucket(Bucket="photos")
    s3.put_object(Bucket="photos", Key="cats/tom", Body=b"miau")
    return "photos"


@pytest.fixture
def point(control: Any, bucket: str) -> dict[str, Any]:
    """An access point of the bucket: its ARN and alias."""
    return control.create_access_point(AccountId=ACCOUNT, Name="visitors", Bucket=bucket)
