"""Published versions."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.lambda_ import errors
from cloudjar.services.lambda_.functions import Version, check_revision, find_function, find_version, settle, version_to_wire
from cloudjar.services.lambda_.names import named, on_function, owner
from cloudjar.services.lambda_.snap_start import initialise


def publish(ctx: Context, latest: Version, description: str) -> Version:
    """A numbered copy of $LATEST; the last one where nothing has changed since it was published."""
    function = find_function(ctx, latest.name)
    last = ctx.get(Version, latest.name, function.last_version) if function.last_version else None
    if last is not None and _same(last, latest):
        return last
    number = function.last_version + 1
    ctx.put(replace(function, last_version=number))
    version = replace(latest, number=number, revision=ctx.ids.uuid(), state="Pending", update_status="InProgress")
    if version.has_snapshot:
        ctx.effect(initialise, latest.name, number)
    else:
        ctx.after(settle, latest.name, number)
    return ctx.put(replace(version, description=description) if description else version)


def _same(a: Version, b: Version) -> bool:
    def bare(v: Version) -> Version:
        code = replace(v.code, blob=b.code.blob, data_key=b.code.data_key)
        same = replace(v, number=0, modified=b.modified, revision="", description="", state="", update_status="", code=code)
        return replace(same, state_reason="", state_reason_code="")

    return bare(a) == bare(b)


@operation(on=on_function)
def publish_version(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    who = named(ctx, req)
    latest = find_version(ctx, who.name)
    check_revision(req.get("RevisionId"), latest.revision)
    if req.get("CodeSha256") and req["CodeSha256"] != latest.code.sha256:
        raise errors.invalid(
            f"CodeSHA256 ({req['CodeSha256']}) is different from current CodeSHA256 in $LATEST ({latest.code.sha256}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )
    if req.get("PublishTo"):
        from cloudjar.kernel.errors import not_implemented

        raise not_implemented("lambda", "PublishVersion", "PublishTo")
    return version_to_wire(ctx, publish(ctx, latest, req.get("Description") or ""))


@operation(on=on_function)
def list_versions_by_function(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    find_function(ctx, who.name)
    return ctx.page(req, ctx.where(Version, name=who.name), lambda v: version_to_wire(ctx, v, v.label), default=50, maximum=50)
