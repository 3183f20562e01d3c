"""AWS's managed policies as data: `index.json` (name -> metadata), and in `documents.zip` the documents of each.

Made by `scripts/managed_policies.py`.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import msgspec

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class ManagedPolicy:
    """One AWS managed policy. Source: AWS Managed Policy Reference."""

    name: str
    path: str
    id: str
    """Stable. AWS's own id where it is known, else derived from the ARN in the same format (ANPA...)."""
    default_version: str
    create_date: str
    """ISO 8601, UTC, of the policy."""
    versions: dict[str, str]
    """The newest versions, oldest first, and their dates."""

    @property
    def update_date(self) -> str:
        """The date of the default version."""
        return self.versions[self.default_version]

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::aws:policy{self.path}{self.name}"

    @cached_property
    def _documents(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(_archive().read(self.name))
        return found

    @cached_property
    def text(self) -> str:
        """The default version's document as JSON text; read on first use."""
        return json.dumps(self._documents[self.default_version], separators=(",", ":"))

    def text_of(self, version: str) -> str:
        """A version's document as JSON text, laid out for people."""
        return json.dumps(self._documents[version], indent=4)

    @property
    def document(self) -> dict[str, Any]:
        """The default version's document; a fresh dict each time, the caller's to change."""
        parsed: dict[str, Any] = msgspec.json.decode(self.text)
        return parsed


@cache
def _archive() -> zipfile.ZipFile:
    return zipfile.ZipFile(_HERE / "documents.zip")


@cache
def _index() -> dict[str, ManagedPolicy]:
    rows: dict[str, dict[str, Any]] = msgspec.json.decode(_HERE.joinpath("index.json").read_bytes())
    return {
        name: ManagedPolicy(name, row["path"], row["id"], row["version"], row["created"], row["versions"]) for name, row in rows.items()
    }


def managed_policy(name: str) -> ManagedPolicy | None:
    """The AWS managed policy with this name (names are unique over paths), or with this ARN; None when AWS has none that we know."""
    if name.startswith("arn:"):
        policy = _index().get(name.rpartition("/")[2])
        return policy if policy and policy.arn == name else None
    return _index().get(name)


def list_managed() -> tuple[ManagedPolicy, ...]:
    """Every AWS managed policy that we know, by name."""
    return tuple(_index().values())
