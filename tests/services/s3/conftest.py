from __future__ import annotations

from typing import Any

import pytest

from cloudjar.gateway.inprocess import LocalWorld


@pytest.fixture
def s3(world: LocalWorld) -> Any:
    return world.client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    s3.create_bucket(Bucket="photos")
    return "photos"


@pytest.fixture
def versioned(s3: Any, bucket: str) -> str:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket
