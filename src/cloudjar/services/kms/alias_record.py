"""An alias, as a record."""

from __future__ import annotations

from datetime import datetime

from cloudjar.kernel.records import Record, record


@record("kms.alias", key="name", indexes={"key": ("key_id", "name")})
class Alias(Record):
    """A name for a key, "alias/..."."""

    name: str
    key_id: str
    created: datetime
    updated: datetime
