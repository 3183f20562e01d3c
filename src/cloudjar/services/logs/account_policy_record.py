"""What the account's policies are stored as."""

from __future__ import annotations

from datetime import datetime

from cloudjar.kernel.records import Record, record

DATA_PROTECTION = "DATA_PROTECTION_POLICY"
SUBSCRIPTION = "SUBSCRIPTION_FILTER_POLICY"
FIELD_INDEX = "FIELD_INDEX_POLICY"
TRANSFORMER = "TRANSFORMER_POLICY"


@record("logs.account_policy", key=("kind", "name"))
class AccountPolicy(Record):
    """A policy for all log groups of an account and Region, or some."""

    kind: str
    name: str
    document: str
    criteria: str
    updated: datetime
