"""What Secrets Manager keeps: secrets and their versions; and how callers name them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.records import Record, record
from cloudjar.services.secretsmanager import errors

CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"


@record("secretsmanager.secret", key="name")
class Secret(Record):
    """A secret; its values are its versions'."""

    name: str
    arn: str
    created: datetime
    changed: datetime
    accessed: datetime | None = None
    """The day of the last read."""
    description: str = ""
    kms_key: str = ""
    """As given; "" for aws/secretsmanager."""
    deletion: datetime | None = None
    """When it goes for good."""
    marked: datetime | None = None
    """When its deletion was asked for."""
    policy: str = ""
    primary_region: str = ""
    replicas: dict[str, str] = {}
    """Of a primary: Region -> KMS key."""
    failures: dict[str, str] = {}
    """Of a primary: Region -> why the replica there is behind."""
    rotation_function: str = ""
    rotation_rules: dict[str, Any] = {}
    rotation_enabled: bool = False
    last_rotated: datetime | None = None
    next_rotation: datetime | None = None
    rotation_attempts: int = 0
    """Failed attempts of the rotation under way."""
    cross_primary: str = ""
    """Of a replica in another account: the primary's ARN."""
    cross_replica: str = ""
    """Of a primary: the ARN of its replica in another account."""
    cross_role: str = ""
    """Of a primary: the role that its replication runs under; "" for who changes the secret."""
    cross_status: str = ""
    """How replication between the accounts stands: "Pending", "InSync", "Failed" or "Detached"."""
    cross_message: str = ""

    @property
    def account(self) -> str:
        """The owner."""
        return self.arn.split(":", 5)[4]

    @property
    def region(self) -> str:
        """Where it is."""
        return self.arn.split(":", 5)[3]


@record("secretsmanager.version", key=("arn", "id"))
class Version(Record):
    """One version of a secret. Its value is ciphertext: a data key's, and the data key's own under KMS."""

    arn: str
    id: str
    created: datetime
    stages: list[str] = []
    sealed: bytes = b""
    """Empty until a rotation has put a value."""
    wrapped_key: bytes = b""
    kms_key: str = ""
    binary: bool = False
    accessed: datetime | None = None


def secret_name(identifier: str) -> tuple[str, str]:
    """(account or "", name) that an identifier may mean; a full ARN's suffix is still on the name."""
    parts = identifier.split(":", 6)
    if identifier.startswith("arn:") and len(parts) == 7 and parts[2] == "secretsmanager":
        return parts[4], parts[6]
    return "", identifier


def lookup(ctx: Context, identifier: str) -> Secret | None:
    """The secret of a name, an ARN, or an ARN without its suffix; in this Region."""
    account, name = secret_name(identifier)
    if not account:
        return ctx.get(Secret, name)
    if identifier.split(":", 4)[3] != ctx.region:
        return None
    there = ctx if account == ctx.account else ctx.at(account=account)
    full = there.get(Secret, name[:-7]) if len(name) > 7 and name[-7] == "-" else None
    if full is not None and full.arn == identifier:
        return full
    return there.get(Secret, name)


def find(ctx: Context, identifier: str) -> Secret:
    """The secret, or ResourceNotFoundException."""
    found = lookup(ctx, identifier)
    if found is None:
        raise errors.secret_not_found()
    return found


def find_live(ctx: Context, identifier: str) -> Secret:
    """The secret, unless it is marked for deletion."""
    found = find(ctx, identifier)
    if found.deletion is not None:
        raise errors.marked_for_deletion()
    return found


def find_primary(ctx: Context, identifier: str) -> Secret:
    """The secret, unless it is marked for deletion, or a replica, which only its primary changes."""
    found = find_live(ctx, identifier)
    if found.primary_region and found.primary_region != found.region:
        raise errors.is_replica()
    return found


def find_writable(ctx: Context, identifier: str) -> Secret:
    """The secret, if its values are its own to change, and no other account's."""
    found = find_primary(ctx, identifier)
    if found.cross_primary:
        raise errors.is_cross_account_replica()
    return found


def home(ctx: Context, secret: Secret) -> Context:
    """The context in the account that owns the secret."""
    return ctx if ctx.account == secret.account else ctx.at(account=secret.account)


def versions(ctx: Context, secret: Secret) -> list[Version]:
    """All versions of a secret."""
    return list(home(ctx, secret).where(Version, arn=secret.arn))


def staged(ctx: Context, secret: Secret, stage: str) -> Version | None:
    """The version that a staging label is on."""
    return next((version for version in versions(ctx, secret) if stage in version.stages), None)


def on_secret(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about: the secret's ARN, or what it would be."""
    found = lookup(ctx, req["SecretId"])
    if found is not None:
        return found.arn
    identifier: str = req["SecretId"]
    return identifier if identifier.startswith("arn:") else ctx.arn("secretsmanager", f"secret:{identifier}")
