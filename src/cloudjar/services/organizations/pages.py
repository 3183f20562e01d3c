"""Pages of lists that no one table holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from cloudjar.kernel.paging import decode_token, encode_token
from cloudjar.services.organizations import errors

T = TypeVar("T")

LARGEST = 20


def page_of(req: dict[str, Any], member: str, items: Iterable[T], key: Callable[[T], str], to_wire: Callable[[T], Any]) -> dict[str, Any]:
    """One page; `key` orders the items and is what the token holds. Raises InvalidInputException for a token that is none."""
    bad = errors.invalid("INVALID_NEXT_TOKEN", "You specified an invalid value for NextToken.")
    limit = min(req.get("MaxResults") or LARGEST, LARGEST)
    after = decode_token(req["NextToken"], bad).decode("utf-8", "replace") if req.get("NextToken") else ""
    left = sorted((item for item in items if key(item) > after), key=key)
    answer: dict[str, Any] = {member: [to_wire(item) for item in left[:limit]]}
    if len(left) > limit:
        answer["NextToken"] = encode_token(key(left[limit - 1]).encode())
    return answer
