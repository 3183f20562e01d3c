"""The policies that bear on a principal: IAM's read side, for whoever judges its calls."""

from __future__ import annotations

import msgspec

from cloudjar.identity.roles import Role
from cloudjar.kernel.context import Context
from cloudjar.kernel.principal import Principal
from cloudjar.services.iam import errors
from cloudjar.services.iam.entities import Owner, User, find_user, groups_of
from cloudjar.services.iam.inline_policies import InlinePolicy
from cloudjar.services.iam.policies import Attachment, document_of

Document = tuple[str, str]
"""(name, JSON text): the name is a managed policy's ARN, or an inline policy's name."""

NOTHING = '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}'
"""Stands for a boundary or session policy that has been deleted: what it allowed, nobody knows any more."""
EVERYTHING = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'


class Effective(msgspec.Struct, frozen=True):
    """What a principal's own side says. None means that there is no such limit; an empty tuple is one that allows nothing."""

    identity: tuple[Document, ...] = ()
    boundary: tuple[Document, ...] | None = None
    session: tuple[Document, ...] | None = None


def policies_of(ctx: Context, principal: Principal) -> Effective:
    """The identity policies, boundary and session policies of a principal, in its own account.

    The root has none, and needs none; services and the anonymous have none. Users and roles that are gone raise NoSuchEntity.
    """
    home = ctx.at(account=principal.account)
    if principal.kind == "user":
        # By id, not by name: a namesake that was made later is somebody else.
        user = home.where(User, id=principal.user_id).first()
        if user is None:
            raise errors.user_not_found(principal.arn.rpartition("/")[2])
        return Effective(_identity_of_user(home, user), _bound(home, user.boundary), _session(home, principal))
    if principal.kind == "assumed-role":
        role = home.where(Role, id=principal.user_id.partition(":")[0]).first()
        if role is None:
            raise errors.role_not_found(principal.role_arn.rpartition("/")[2])
        return Effective(attached_and_inline(home, role), _bound(home, role.boundary), _session(home, principal))
    if principal.kind == "federated-user":
        # Federated users can do what their session policies and their maker's policies both allow; without the former, nothing.
        session = _session(home, principal) or ()
        if principal.role_arn.endswith(":root"):
            return Effective((("root", EVERYTHING),), None, session)
        user = find_user(home, principal.role_arn.rpartition("/")[2])
        return Effective(_identity_of_user(home, user), _bound(home, user.boundary), session)
    task = _session(home, principal)
    # The policies of AWS's root tasks only deny: the rest of what a root user may, they leave.
    return Effective(session=None if task is None else (("root", EVERYTHING), *task))


def _identity_of_user(ctx: Context, user: User) -> tuple[Document, ...]:
    found = list(attached_and_inline(ctx, user))
    for group in groups_of(ctx, user.id):
        found += attached_and_inline(ctx, group)
    return tuple(found)


def attached_and_inline(ctx: Context, owner: Owner) -> tuple[Document, ...]:
    """The documents of one user, group or role itself."""
    found = [(policy.name, policy.document) for policy in ctx.where(InlinePolicy, owner_id=owner.id)]
    for attachment in ctx.where(Attachment, owner_id=owner.id):
        document = document_of(ctx, attachment.policy_arn)
        if document is not None:
            found.append((attachment.policy_arn, document))
    return tuple(found)


def _bound(ctx: Context, arn: str | None) -> tuple[Document, ...] | None:
    return ((arn, document_of(ctx, arn) or NOTHING),) if arn else None


def _session(ctx: Context, principal: Principal) -> tuple[Document, ...] | None:
    if not principal.session_policies:
        return None
    return tuple(
        [
            (policy, document_of(ctx, policy) or NOTHING) if policy.startswith("arn:") else ("session policy", policy)
            for policy in principal.session_policies
        ]
    )
