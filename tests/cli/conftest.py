"""The real command, and clients on its sockets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from command import Cloudjar


@pytest.fixture
def cj(tmp_path: Path) -> Iterator[Cloudjar]:
    command = Cloudjar(tmp_path)
    yield command
    command.end()


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """`until(check)`: asks again and again; a failure, not a hang, if it never holds."""

    def ask(check: Callable[[], object]) -> None:
        end = time.monotonic() + 30
        while not check():
            assert time.monotonic() < end, "it never came to hold"

    return ask


@pytest.fixture
def client() -> Callable[..., Any]:
    """`client("sts", endpoint)`: a real boto3 client on a socket."""
    import boto3
    from botocore.config import Config

    def make(service: str, endpoint: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=30, s3={"addressing_style": "path"}),
        )

    return make
