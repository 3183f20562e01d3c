"""pytest fixtures: a world of one's own for each test, forked in milliseconds. docs/testing.md shows them in use.

Nothing of cloudjar or botocore is imported until a test asks for a fixture.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from cloudjar.gateway.inprocess import LocalJar, LocalWorld

SEED = b"cloudjar for tests"
"""Ids repeat from run to run."""


@pytest.fixture(scope="session")
def cloudjar_jar() -> Iterator[LocalJar]:
    """A jar in this process (under xdist: one in each worker), in a temporary directory."""
    from cloudjar.gateway.inprocess import LocalJar

    with LocalJar(seed=SEED) as jar:
        yield jar


@pytest.fixture(scope="session")
def cloudjar_base(cloudjar_jar: LocalJar) -> LocalWorld:
    """The world that each test's is forked from; override it to have something in it."""
    return cloudjar_jar.world()


@pytest.fixture(scope="session")
def cloudjar_numbers() -> Iterator[int]:
    """Numbers for the names of the tests' worlds."""
    return itertools.count(1)


@pytest.fixture
def cloudjar_world(cloudjar_base: LocalWorld, cloudjar_numbers: Iterator[int]) -> Iterator[LocalWorld]:
    """A world for this test alone."""
    world = cloudjar_base.fork(f"test-{next(cloudjar_numbers)}")
    yield world
    world.drop()


@pytest.fixture
def cloudjar_client(cloudjar_world: LocalWorld) -> Callable[..., Any]:
    """`cloudjar_client("s3")`: a boto3 client of this test's world, without a socket."""
    return cloudjar_world.client


@pytest.fixture
def cloudjar_endpoint(cloudjar_world: LocalWorld) -> str:
    """The URL of this test's world on a real socket, for what is not boto3."""
    return cloudjar_world.endpoint


@contextmanager
def expect_aws_error(code: str, message: str | None = None) -> Iterator[Any]:
    """Passes if the block raises a ClientError with this code (and with this in its message); else fails."""
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as caught:
        yield caught
    error = caught.value.response["Error"]
    assert error["Code"] == code, f"expected {code}, got {error['Code']}: {error.get('Message')}"
    if message is not None:
        assert message in error.get("Message", ""), f"{message!r} is not in {error.get('Message')!r}"


@pytest.fixture
def aws_error() -> Callable[..., AbstractContextManager[Any]]:
    """`with aws_error("NoSuchBucket"): ...`: the block must raise a ClientError with this code."""
    return expect_aws_error
