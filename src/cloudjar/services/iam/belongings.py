"""What belongs to a user: it must be gone before the user goes, and follows when the user is renamed."""

from __future__ import annotations

from cloudjar.kernel.context import Context
from cloudjar.kernel.records import replace
from cloudjar.services.iam import errors, tags
from cloudjar.services.iam.access_keys import keys_of
from cloudjar.services.iam.entities import Membership, User
from cloudjar.services.iam.inline_policies import InlinePolicy
from cloudjar.services.iam.policies import Attachment


def check_none(ctx: Context, user: User) -> None:
    """Raises DeleteConflict while anything is left."""
    if ctx.where(Membership, user_id=user.id).first():
        raise errors.delete_conflict("remove user from group")
    if ctx.where(Attachment, owner_id=user.id).first():
        raise errors.delete_conflict("detach all policies")
    if ctx.where(InlinePolicy, owner_id=user.id).first():
        raise errors.delete_conflict("delete policies")
    if keys_of(ctx, user.name).first():
        raise errors.delete_conflict("delete access keys")


def follow(ctx: Context, old: User, new: User) -> None:
    """Most things are kept by the user's id; keys know its name and ARN, tags its ARN."""
    for key in list(keys_of(ctx, old.name)):
        ctx.put(replace(key, user_name=new.name, user_arn=new.arn))
    tags.move(ctx, old.arn, new.arn)
