"""The account's password policy."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record
from cloudjar.services.iam import errors

SYMBOLS = "!@#$%^&*()_+-=[]{}|'"


@record("iam.password_policy", key="id", scope="account")
class PasswordPolicy(Record):
    """What passwords must be like. The values are those of an UpdateAccountPasswordPolicy that says nothing."""

    id: str = "policy"
    minimum_length: int = 6
    symbols: bool = False
    numbers: bool = False
    uppercase: bool = False
    lowercase: bool = False
    users_may_change: bool = False
    max_age_days: int = 0
    """0: passwords do not expire."""
    reuse_prevention: int = 0
    hard_expiry: bool = False


DEFAULT = PasswordPolicy(minimum_length=8)
"""The rules where the account has none. AWS asks for three of four kinds of letters too; see `check_password`."""


def policy_of(ctx: Context) -> PasswordPolicy | None:
    """The account's own policy."""
    return ctx.get(PasswordPolicy, "policy")


def check_password(policy: PasswordPolicy, password: str) -> None:
    """Raises PasswordPolicyViolation."""
    for wanted, kept, words in (
        (True, len(password) >= policy.minimum_length, f"Password should have a minimum length of {policy.minimum_length}"),
        (policy.symbols, any(c in SYMBOLS for c in password), "Password should have at least one symbol"),
        (policy.numbers, any(c.isdecimal() for c in password), "Password should have at least one number"),
        (policy.uppercase, any(c.isupper() for c in password), "Password should have at least one uppercase letter"),
        (policy.lowercase, any(c.islower() for c in password), "Password should have at least one lowercase letter"),
    ):
        if wanted and not kept:
            raise AwsError("PasswordPolicyViolation", words)
    if policy is DEFAULT:
        kinds = (str.isupper, str.islower, str.isdecimal, lambda c: c in SYMBOLS)
        if sum(any(is_kind(c) for c in password) for is_kind in kinds) < 3:
            raise AwsError("PasswordPolicyViolation", "Password should have at least three of: uppercase, lowercase, number, symbol")


@operation()
def get_account_password_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    policy = policy_of(ctx)
    if policy is None:
        raise errors.password_policy_not_found(ctx.account)
    wire: dict[str, Any] = {
        "MinimumPasswordLength": policy.minimum_length,
        "RequireSymbols": policy.symbols,
        "RequireNumbers": policy.numbers,
        "RequireUppercaseCharacters": policy.uppercase,
        "RequireLowercaseCharacters": policy.lowercase,
        "AllowUsersToChangePassword": policy.users_may_change,
        "ExpirePasswords": policy.max_age_days > 0,
        "HardExpiry": policy.hard_expiry,
    }
    if policy.max_age_days:
        wire["MaxPasswordAge"] = policy.max_age_days
    if policy.reuse_prevention:
        wire["PasswordReusePrevention"] = policy.reuse_prevention
    return {"PasswordPolicy": wire}


@operation()
def update_account_password_policy(ctx: Context, req: dict[str, Any]) -> None:
    # What is not said goes back to its default; so does AWS.
    ctx.put(
        PasswordPolicy(
            minimum_length=req.get("MinimumPasswordLength") or 6,
            symbols=bool(req.get("RequireSymbols")),
            numbers=bool(req.get("RequireNumbers")),
            uppercase=bool(req.get("RequireUppercaseCharacters")),
            lowercase=bool(req.get("RequireLowercaseCharacters")),
            users_may_change=bool(req.get("AllowUsersToChangePassword")),
            max_age_days=req.get("MaxPasswordAge") or 0,
            reuse_prevention=req.get("PasswordReusePrevention") or 0,
            hard_expiry=bool(req.get("HardExpiry")),
        )
    )


@operation()
def delete_account_password_policy(ctx: Context, req: dict[str, Any]) -> None:
    policy = policy_of(ctx)
    if policy is None:
        raise errors.password_policy_not_found(ctx.account)
    ctx.delete(policy)
