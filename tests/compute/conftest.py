"""The drivers, each in a laboratory of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from laboratory import Laboratory, laboratory


@pytest.fixture(params=["sandbox", "process"])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Laboratory]:
    with laboratory(request.param, tmp_path / "run") as it:
        yield it


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Laboratory]:
    with laboratory("sandbox", tmp_path / "run") as it:
        yield it
