"""Passwords: users' login profiles, and the account's rules for them."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.ids import secret_bytes
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.iam import errors, naming
from cloudjar.services.iam.entities import find_user, user_arn
from cloudjar.services.iam.password_policy import DEFAULT, check_password, policy_of

_HASH = {"n": 2**12, "r": 8, "p": 1}
"""scrypt's cost: a few milliseconds, for a password of a local cloud."""


@record("iam.login_profile", key="user_id", scope="account")
class LoginProfile(Record):
    """A user's password for the console."""

    user_id: str
    created: datetime
    changed: datetime
    salt: bytes
    digest: bytes
    reset_required: bool = False
    max_signin_seconds: int | None = None
    """How long a console session may last; None where it is not set."""
    former: tuple[tuple[bytes, bytes], ...] = ()
    """Salts and digests of the passwords before, the latest first; for PasswordReusePrevention."""


def find_login_profile(ctx: Context, user_id: str, name: str) -> LoginProfile:
    """A user's login profile; raises NoSuchEntity."""
    found = ctx.get(LoginProfile, user_id)
    if found is None:
        raise errors.login_profile_not_found(name)
    return found


def matches(profile: LoginProfile, password: str) -> bool:
    """Whether this is the user's password."""
    return hmac.compare_digest(_digest(password, profile.salt), profile.digest)


def _digest(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, **_HASH)


def _check_new(ctx: Context, profile: LoginProfile | None, password: str) -> None:
    policy = policy_of(ctx) or DEFAULT
    check_password(policy, password)
    if profile is None or not policy.reuse_prevention:
        return
    known = ((profile.salt, profile.digest), *profile.former)[: policy.reuse_prevention]
    if any(hmac.compare_digest(_digest(password, salt), digest) for salt, digest in known):
        raise AwsError("PasswordPolicyViolation", "Password does not conform to the account password policy: it was used before.")


def _with_password(ctx: Context, profile: LoginProfile, password: str) -> LoginProfile:
    salt = secret_bytes(16)
    former = ((profile.salt, profile.digest), *profile.former)[:24]
    return replace(profile, salt=salt, digest=_digest(password, salt), changed=naming.now(ctx), former=former)


def _to_wire(name: str, profile: LoginProfile) -> dict[str, Any]:
    wire = {"UserName": name, "CreateDate": profile.created, "PasswordResetRequired": profile.reset_required}
    if profile.max_signin_seconds:
        wire["MaxSigninSessionDuration"] = profile.max_signin_seconds
    return {"LoginProfile": wire}


@operation(on=user_arn)
def create_login_profile(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    user = find_user(ctx, naming.user_name(ctx, req))
    if ctx.get(LoginProfile, user.id):
        raise errors.already_exists(f"Login Profile for user {user.name} already exists.")
    password = req.get("Password")
    if not password:
        raise errors.validation("Must specify password when calling with non-root credentials")
    _check_new(ctx, None, password)
    salt, now = secret_bytes(16), naming.now(ctx)
    reset = bool(req.get("PasswordResetRequired"))
    profile = ctx.put(LoginProfile(user.id, now, now, salt, _digest(password, salt), reset, req.get("MaxSigninSessionDuration")))
    return _to_wire(user.name, profile)


@operation(on=user_arn)
def get_login_profile(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    user = find_user(ctx, naming.user_name(ctx, req))
    return _to_wire(user.name, find_login_profile(ctx, user.id, user.name))


@operation(on=user_arn)
def update_login_profile(ctx: Context, req: dict[str, Any]) -> None:
    user = find_user(ctx, req["UserName"])
    profile = find_login_profile(ctx, user.id, user.name)
    if req.get("Password"):
        _check_new(ctx, profile, req["Password"])
        profile = _with_password(ctx, profile, req["Password"])
    if req.get("PasswordResetRequired") is not None:
        profile = replace(profile, reset_required=req["PasswordResetRequired"])
    ctx.put(replace(profile, max_signin_seconds=naming.signin_seconds(req, profile.max_signin_seconds)))


@operation(on=user_arn)
def delete_login_profile(ctx: Context, req: dict[str, Any]) -> None:
    user = find_user(ctx, naming.user_name(ctx, req))
    ctx.delete(find_login_profile(ctx, user.id, user.name))


@operation(on=user_arn)
def change_password(ctx: Context, req: dict[str, Any]) -> None:
    name = naming.caller_name(ctx)
    if name is None:
        raise AwsError("InvalidUserType", "Only IAM Users can change their own password.")
    user = find_user(ctx, name)
    profile = find_login_profile(ctx, user.id, user.name)
    if not matches(profile, req["OldPassword"]):
        raise errors.access_denied("The old password was incorrect.")
    _check_new(ctx, profile, req["NewPassword"])
    ctx.put(replace(_with_password(ctx, profile, req["NewPassword"]), reset_required=False))
