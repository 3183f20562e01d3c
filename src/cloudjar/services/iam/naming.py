"""What all of IAM's nouns share: ARNs, whole seconds, pages, and whom a call without a UserName means."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

from cloudjar.kernel import paging
from cloudjar.kernel.context import Context
from cloudjar.kernel.records import Record
from cloudjar.kernel.rows import Rows
from cloudjar.services.iam import errors

R = TypeVar("R", bound=Record)
T = TypeVar("T")

PAGE, LARGEST_PAGE = 100, 1000


def arn(ctx: Context, kind: str, path: str, name: str) -> str:
    """An IAM ARN: `arn(ctx, "role", "/service/", "web")`. IAM's ARNs have no Region."""
    return ctx.arn("iam", f"{kind}{path}{name}", region="")


def listed(kind: str) -> Callable[[Context, dict[str, Any]], str]:
    """What IAM is asked about for a list of users, roles ...: all under the path that it is of, "arn:aws:iam::111122223333:user/team/"."""
    return lambda ctx, req: arn(ctx, kind, req.get("PathPrefix") or "/", "")


def check_arn(ctx: Context, text: str, kind: str) -> None:
    """Raises InvalidInput unless a request's ARN is one of IAM's, of this partition and this kind ("policy")."""
    head, _, resource = text.partition("::")
    if head != f"arn:{ctx.partition}:iam" or not resource.partition(":")[2].startswith(f"{kind}/") or text != text.rstrip():
        raise errors.invalid_arn(text)


def now(ctx: Context) -> datetime:
    """IAM's instants are whole seconds."""
    return ctx.now.replace(microsecond=0)


def path_of(req: dict[str, Any]) -> str:
    """The path asked for, "/" unless given."""
    path: str = req.get("Path") or "/"
    return path


def under(path_prefix: str | None) -> Callable[[Any], bool]:
    """A test for records whose path starts so."""
    prefix = path_prefix or "/"
    return lambda row: row.path.startswith(prefix)


def page(ctx: Context, req: dict[str, Any], rows: Rows[R], to_wire: Callable[[R], Any]) -> dict[str, Any]:
    """One page of rows."""
    return ctx.page(req, rows, to_wire, default=PAGE, maximum=LARGEST_PAGE, error=errors.bad_marker())


def page_of(req: dict[str, Any], member: str, items: Iterable[T], key: Callable[[T], str], to_wire: Callable[[T], Any]) -> dict[str, Any]:
    """One page of things that no table lists; `key` orders them and is what the marker holds."""
    limit = min(req.get("MaxItems") or PAGE, LARGEST_PAGE)
    after = paging.decode_token(req["Marker"], errors.bad_marker()).decode("utf-8", "replace") if req.get("Marker") else ""
    left = sorted((item for item in items if key(item) > after), key=key)
    answer: dict[str, Any] = {member: [to_wire(item) for item in left[:limit]], "IsTruncated": len(left) > limit}
    if len(left) > limit:
        answer["Marker"] = paging.encode_token(key(left[limit - 1]).encode())
    return answer


def signin_seconds(req: dict[str, Any], before: int | None) -> int | None:
    """A role's or password's MaxSigninSessionDuration after an update; raises InvalidInput where it is set and reset at once."""
    wanted: int | None = req.get("MaxSigninSessionDuration")
    if req.get("ResetMaxSigninSessionDuration"):
        if wanted is not None:
            raise errors.not_both("MaxSigninSessionDuration", "ResetMaxSigninSessionDuration")
        return None
    return before if wanted is None else wanted


def status_of(req: dict[str, Any]) -> str:
    """The status asked for, Active or Inactive; the model's third, Expired, is for answers only."""
    status: str = req["Status"]
    if status == "Expired":
        raise errors.invalid_input("Status must be either Active or Inactive.")
    return status


def caller_name(ctx: Context) -> str | None:
    """The caller's own user name; None where it is not a user."""
    return ctx.principal.arn.rpartition("/")[2] if ctx.principal.kind == "user" else None


def user_name(ctx: Context, req: dict[str, Any]) -> str:
    """The user that a call names, else the caller itself. Raises ValidationError where the caller is not a user."""
    name = req.get("UserName") or caller_name(ctx)
    if name is None:
        raise errors.user_name_needed()
    return name


def quoted(document: str) -> str:
    """A policy document as IAM answers with it: percent-encoded (RFC 3986)."""
    return quote(document, safe="-_.~")
