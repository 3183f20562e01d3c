"""What a service tells the judge about one of its resources.

A service whose resources have policies, or whose ARNs leave the account out, has a module `policy.py` with
`resource_policy(ctx, arn) -> ResourcePolicy | None`: None where there is no such resource or it can have no policy; it may
raise the service's own error for a resource that is not there. The module may also have `condition_keys(ctx, req, action,
arn)`, the service's own condition keys, in lower case, as far as they cannot be read from the request's members by name; and,
where not all tags of a resource count, `resource_tags(ctx, arn) -> dict[str, str]`, which tells those that do.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class ResourcePolicy(msgspec.Struct, frozen=True):
    """A resource's owner and, if it has one, its policy."""

    account: str
    document: str | None = None
    """The policy's JSON text."""
    name: str = ""
    """What explanations call it: the resource's ARN, mostly."""
    required: bool = False
    """Identity policies count only as far as this policy hands its account the choice: KMS keys, role trust."""
    kind: Literal["resource", "trust"] = "resource"
    beneath: tuple[str, ResourcePolicy] | None = None
    """The ARN and policy of what stands behind the resource and must let the call in as well: the bucket of an access point.
    Identity policies speak of the resource in front alone."""
