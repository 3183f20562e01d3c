"""botocore's protocol vectors: fetched once from its source distribution, at the installed version, into pytest's cache."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from cloudjar.wire.models import OperationModel, Ref, ServiceModel

SUITES = (
    "ec2",
    "json",
    "json_1_0",
    "json_1_0-query-compatible",
    "query",
    "rest-json",
    "rest-xml",
    "smithy-rpc-v2-cbor",
    "smithy-rpc-v2-cbor-query-compatible",
    "smithy-rpc-v2-cbor-non-query-compatible",
)
LEGACY = ("legacy/ec2", "legacy/json", "legacy/query", "legacy/rest-json", "legacy/rest-xml")


def directory(cache: Path) -> Path:
    """The vectors' directory; skips the test, and says so, where the source distribution cannot be had."""
    release = version("botocore")
    wanted = cache / f"botocore-{release}" / "tests" / "unit" / "protocols"
    if wanted.exists():
        return wanted
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "botocore"]
        done = subprocess.run([*command, f"botocore=={release}"], cwd=scratch, capture_output=True, text=True, check=False)
        archives = list(Path(scratch).glob("botocore-*.tar.gz"))
        if not archives:
            pytest.skip(f"botocore's source distribution cannot be fetched: {done.stderr.strip().splitlines()[-1:]}")
        with tarfile.open(archives[0]) as archive:
            members = [member for member in archive if "/tests/unit/protocols/" in member.name]
            archive.extractall(scratch, members=members, filter="data")
        (cache / f"botocore-{release}").parent.mkdir(exist_ok=True)
        try:
            (Path(scratch) / f"botocore-{release}").rename(cache / f"botocore-{release}")
        except OSError:
            pass  # another worker was first
    return wanted


class OneService:
    """Models that hold a single service."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model

    def service(self, name: str) -> ServiceModel:
        return self.model


def cases(folder: Path, suite: str, direction: str) -> Iterator[tuple[dict[str, Any], dict[str, Any], ServiceModel, OperationModel]]:
    """Each case of one file, with its suite and its service made into models."""
    legacy = suite.startswith("legacy/")
    path = folder / ("legacy" if legacy else "") / direction / f"{suite.removeprefix('legacy/')}.json"
    if not path.exists():
        return
    for number, description in enumerate(json.loads(path.read_text())):
        for index, case in enumerate(description["cases"]):
            if ("params" if direction == "input" else "response") not in case:
                continue
            case.setdefault("id", f"{number}:{index} {description['description']}")
            name = case["given"].get("name", "OperationName")
            model = {
                "metadata": {"endpointPrefix": "test", "serviceId": "Test", **description["metadata"]},
                "operations": {name: {"name": name, **case["given"]}},
                "shapes": description.get("shapes", {}),
            }
            service = ServiceModel("test", json.dumps(model).encode())
            yield description, case, service, service.operations[name]


def plain(value: Any) -> Any:
    """A value as the vectors' JSON would have it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN")
    return value


def rich(service: ServiceModel, ref: Ref | None, value: Any) -> Any:
    """A vector's JSON value as a service would give it: times, bytes and floats for what stands for them."""
    if ref is None or value is None:
        return value
    shape = service.shape(ref.shape)
    if shape.type == "structure" and not shape.document and isinstance(value, dict):
        return {name: rich(service, shape.members.get(name), item) for name, item in value.items()}
    if shape.type == "list" and isinstance(value, list):
        return [rich(service, shape.member, item) for item in value]
    if shape.type == "map" and isinstance(value, dict):
        return {key: rich(service, shape.value, item) for key, item in value.items()}
    if shape.type == "timestamp" and isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    if shape.type == "blob" and isinstance(value, str):
        return value.encode()
    if shape.type in ("float", "double") and isinstance(value, str):
        return float(value)
    return value


def ignored(name: str) -> dict[str, str]:
    """The ignore list of one direction: case id -> reason."""
    lines = (Path(__file__).parent / f"ignored_{name}_vectors.txt").read_text().splitlines()
    return dict(line.split("  ", 1) for line in lines if line and not line.startswith("#"))


__all__ = ["LEGACY", "SUITES", "OneService", "cases", "directory", "ignored", "plain", "rich"]
