"""Whether a role's trust policy lets a caller in."""

from __future__ import annotations

from functools import lru_cache

from cloudjar.identity.policy import AuthzRequest, CompiledPolicy, Decision, Named, PolicySet, compile_policy, decide, parse
from cloudjar.identity.policy.grammar import Kind
from cloudjar.identity.principal_keys import Keys, principal_keys, request_keys
from cloudjar.identity.roles import Role
from cloudjar.kernel.context import Context
from cloudjar.kernel.principal import ANONYMOUS
from cloudjar.services.sts import errors

# Whether the caller's own policies allow the action is the gateway's question; here only the trust policy speaks.
_EVERYTHING = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'


def check_arn(arn: str) -> None:
    """Raises ValidationError unless it is a role's ARN."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "iam" or not parts[5].startswith("role/") or not (parts[4].isdecimal() and len(parts[4]) == 12):
        raise errors.invalid_role_arn(arn)


def find_role(ctx: Context, arn: str, action: str) -> Role:
    """The role with an ARN, in whatever account; raises ValidationError or AccessDenied."""
    check_arn(arn)
    role = ctx.at(account=arn.split(":")[4]).get(Role, arn.rpartition("/")[2])
    if role is None or role.arn != arn:
        raise errors.not_authorized(ctx.principal, action, arn)
    return role


def check(ctx: Context, role: Role, action: str, keys: Keys, *, federated: str = "") -> None:
    """Raises AccessDenied unless the trust policy allows `action` ("sts:AssumeRole") to the caller, or to whom a provider vouches for."""
    if not decision(ctx, role, action, keys, federated=federated).allowed:
        if federated:
            raise errors.not_authorized_federated(action)
        raise errors.not_authorized(ctx.principal, action, role.arn)


def decision(ctx: Context, role: Role, action: str, keys: Keys, *, federated: str = "") -> Decision:
    """What the trust policy says, alone."""
    # A provider's word stands for itself: whoever signs the request has no part in it.
    caller = ANONYMOUS if federated else ctx.principal
    request = AuthzRequest(
        principal=caller,
        action=action,
        resource=role.arn,
        context=request_keys(ctx, "sts") | principal_keys(ctx, caller) | keys,
        resource_account=role.arn.split(":")[4],
        federated=federated,
    )
    policies = PolicySet(
        identity=(Named("", _compiled(_EVERYTHING, "identity")),),
        resource=(Named(role.arn, _compiled(role.trust_policy, "trust")),),
        resource_required=True,
        resource_kind="trust",
    )
    return decide(request, policies)


@lru_cache(maxsize=256)
def _compiled(text: str, kind: Kind) -> CompiledPolicy:
    return compile_policy(parse(text, kind))
