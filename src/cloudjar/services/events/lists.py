"""Pages of EventBridge's lists, of which only three are in the paginator data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloudjar.kernel import paging
from cloudjar.kernel.paging import PageMembers
from cloudjar.kernel.records import R
from cloudjar.kernel.rows import Rows
from cloudjar.services.events import errors


def page(req: dict[str, Any], result: str, rows: Rows[R], to_wire: Callable[[R], Any]) -> dict[str, Any]:
    """One page of rows under the answer's member `result`."""
    members = PageMembers("NextToken", "NextToken", "Limit", result)
    return paging.page(members, req, rows, to_wire, default=100, maximum=100, error=errors.bad_parameter("NextToken"))


def named(rows: Rows[R], prefix: str | None) -> Rows[R]:
    """Only the rows whose name starts with a prefix, if one is given."""
    return rows.starting(prefix).ending(prefix + "\U0010ffff") if prefix else rows
