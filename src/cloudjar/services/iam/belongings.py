"""What belongs to a user: it must be gone before the user goes, and follows when the user is renamed."""

from __future__ import annotations

from cloudjar.kernel.context import Context
from cloudjar.kernel.records import replace
from cloudjar.services.iam import errors, tags, trusted_principals
from cloudjar.services.iam.access_keys import keys_of
from cloudjar.services.iam.entities import Membership, User
from cloudjar.services.iam.inline_policies import InlinePolicy
from cloudjar.services.iam.login_profiles import LoginProfile
from cloudjar.services.iam.mfa_devices import devices_of
from cloudjar.services.iam.policies import Attachment
from cloudjar.services.iam.service_credentials import ServiceCredential
from cloudjar.services.iam.signing_certificates import SigningCertificate
from cloudjar.services.iam.ssh_public_keys import SshPublicKey


def check_none(ctx: Context, user: User) -> None:
    """Raises DeleteConflict while anything is left."""
    for found, what in (
        (ctx.where(Membership, user_id=user.id), "remove users from group"),
        (ctx.where(Attachment, owner_id=user.id), "detach all policies"),
        (ctx.where(InlinePolicy, owner_id=user.id), "delete policies"),
        (keys_of(ctx, user.name), "delete access keys"),
        (ctx.where(LoginProfile, user_id=user.id), "delete login profile"),
        (devices_of(ctx, user.id), "delete MFA device"),
        (ctx.where(SigningCertificate, user_id=user.id), "delete certificates"),
        (ctx.where(SshPublicKey, user_id=user.id), "remove referenced objects"),
        (ctx.where(ServiceCredential, user_id=user.id), "remove referenced objects"),
    ):
        if found.first():
            raise errors.delete_conflict(what)


def follow(ctx: Context, old: User, new: User) -> None:
    """Most things are kept by the user's id; keys know its name and ARN, tags and trust policies its ARN."""
    trusted_principals.rename(ctx, old.arn, new.arn)
    for key in list(keys_of(ctx, old.name)):
        ctx.put(replace(key, user_name=new.name, user_arn=new.arn))
    tags.move(ctx, old.arn, new.arn)
