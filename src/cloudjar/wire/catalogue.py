"""The heads of all services' models in one small file, so that routing a request need not open 439 models.

`python -m cloudjar.wire.catalogue` writes it anew from the installed botocore; a test says when that is due. Services that
a newer botocore brings are read from their own files.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

import msgspec

from cloudjar.wire import patches
from cloudjar.wire.models import Metadata, Models

FILE = Path(__file__).with_name("catalogue.json")
HEAD_BYTES = 16_384
"""The metadata stands within the first bytes of every model file."""


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """What routing needs to know of a service."""

    signing_name: str
    endpoint_prefix: str
    target_prefix: str
    api_version: str
    protocols: tuple[str, ...]


class Catalogue:
    """Services by the names that requests call them."""

    def __init__(self, entries: dict[str, Entry]) -> None:
        self.entries = entries
        self.by_signing_name: dict[str, list[str]] = {}
        self.by_endpoint_prefix: dict[str, list[str]] = {}
        self.by_target_prefix: dict[str, list[str]] = {}
        self.by_version: dict[str, list[str]] = {}
        for name, entry in entries.items():
            self.by_signing_name.setdefault(entry.signing_name, []).append(name)
            self.by_endpoint_prefix.setdefault(entry.endpoint_prefix, []).append(name)
            if entry.target_prefix:
                self.by_target_prefix.setdefault(entry.target_prefix, []).append(name)
            if "query" in entry.protocols or "ec2" in entry.protocols:
                self.by_version.setdefault(entry.api_version, []).append(name)
        for alias, name in patches.SIGNING_ALIASES.items():
            self.by_signing_name.setdefault(alias, [name])
        for names in self.by_signing_name.values():
            # The service that gave the signing name its name comes first: "rds" before "docdb", which copied it.
            names.sort(key=lambda name: (patches.ROUTE_LAST.get(name, 0), entries[name].signing_name != name))

    @classmethod
    def load(cls, models: Models) -> Catalogue:
        """The catalogue of the installed botocore."""
        known = msgspec.json.decode(FILE.read_bytes(), type=dict[str, Entry]) if FILE.exists() else {}
        return cls({name: known.get(name) or read_entry(models, name) for name in models.names()})


def read_entry(models: Models, name: str) -> Entry:
    """A service's entry out of its model file's first bytes, or of the whole file where those do not do."""
    path = models.service_file(name)
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    try:
        metadata = msgspec.json.decode(metadata_bytes(head), type=Metadata)
    except (ValueError, msgspec.DecodeError):
        metadata = models.service(name).metadata
    protocols = patches.PROTOCOLS.get(name) or tuple(metadata.protocols or [metadata.protocol])
    signing_name = metadata.signing_name or metadata.endpoint_prefix
    return Entry(signing_name, metadata.endpoint_prefix, metadata.target_prefix, metadata.api_version, protocols)


def metadata_bytes(head: bytes) -> bytes:
    """The metadata object within a model file's first bytes; ValueError if it is not whole there."""
    start = head.index(b"{", head.index(b'"metadata"'))
    depth = 0
    for index in range(start, len(head)):
        if head[index] == 0x7B:
            depth += 1
        elif head[index] == 0x7D:
            depth -= 1
            if depth == 0:
                return head[start : index + 1]
    raise ValueError("metadata is longer than the head")


def render(models: Models, names: Iterable[str] | None = None) -> bytes:
    """The catalogue file's content, one service a line."""
    lines = [f'"{name}":{msgspec.json.encode(read_entry(models, name)).decode()}' for name in names or models.names()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


if __name__ == "__main__":
    FILE.write_bytes(render(Models()))
