"""Pages of lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from cloudjar.kernel.paging import decode_token, encode_token
from cloudjar.services.accessanalyzer import errors

T = TypeVar("T")

PAGE = 100


def page_of(req: dict[str, Any], member: str, items: Iterable[T], key: Callable[[T], str], to_wire: Callable[[T], Any]) -> dict[str, Any]:
    """One page; `key` orders the items and is what the token holds. Raises ValidationException for a token that is none."""
    limit = min(req.get("maxResults") or PAGE, PAGE)
    bad = errors.invalid("The nextToken is not valid.")
    after = decode_token(req["nextToken"], bad).decode("utf-8", "replace") if req.get("nextToken") else ""
    left = sorted((item for item in items if key(item) > after), key=key)
    answer: dict[str, Any] = {member: [to_wire(item) for item in left[:limit]]}
    if len(left) > limit:
        answer["nextToken"] = encode_token(key(left[limit - 1]).encode())
    return answer
