"""Policy documents: what IAM accepts, and how large it may be."""

from __future__ import annotations

from cloudjar.identity.policy.grammar import Kind, PolicyDocument, PolicyProblem, parse, policy_size
from cloudjar.identity.roles import Role
from cloudjar.kernel.context import Context
from cloudjar.services.iam import errors, quotas
from cloudjar.services.iam.entities import User


def check_identity_policy(text: str) -> None:
    """A policy for users, groups and roles; raises MalformedPolicyDocument."""
    _parse(text, "identity")


def check_managed_policy(text: str) -> None:
    """A policy that can be attached; raises MalformedPolicyDocument, or LimitExceeded for its size."""
    _parse(text, "identity")
    if policy_size(text) > quotas.MANAGED_POLICY_SIZE:
        raise errors.quota("PolicySize", quotas.MANAGED_POLICY_SIZE)


def check_trust_policy(ctx: Context, text: str) -> None:
    """A policy that says who may assume a role; raises MalformedPolicyDocument, or LimitExceeded for its size."""
    document = _parse(text, "trust")
    for statement in document.statements:
        for kind, name in statement.principals or ():
            if kind == "AWS" and not _exists(ctx, name):
                raise errors.malformed_policy(f'Invalid principal in policy: "AWS":"{name}"')
    if policy_size(text) > quotas.TRUST_POLICY_SIZE:
        raise errors.quota("ACLSizePerRole", quotas.TRUST_POLICY_SIZE)


def _parse(text: str, kind: Kind) -> PolicyDocument:
    try:
        return parse(text, kind)
    except PolicyProblem as problem:
        raise errors.malformed_policy(problem.message) from None


def _exists(ctx: Context, principal: str) -> bool:
    """Whether a user or role that a trust policy names is there. Accounts always are; sessions need not be."""
    parts = principal.split(":", 5)
    if len(parts) != 6 or parts[2] != "iam":
        return True
    kind, _, rest = parts[5].partition("/")
    there, name = ctx.at(account=parts[4]), rest.rpartition("/")[2]
    found = there.get(User, name) if kind == "user" else there.get(Role, name) if kind == "role" else None
    return kind == "root" or (found is not None and found.arn == principal)
