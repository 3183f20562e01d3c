"""What KMS keeps: keys, and the material behind them."""

from __future__ import annotations

from datetime import datetime

from cloudjar.kernel.context import Context
from cloudjar.kernel.records import Record, record
from cloudjar.services.kms.specs import SPECS, SYMMETRIC, KeySpec


@record("kms.key", key="id")
class Key(Record):
    """A KMS key, without its material."""

    id: str
    arn: str
    account: str
    region: str
    created: datetime
    policy: str
    spec: str = SYMMETRIC
    usage: str = "ENCRYPT_DECRYPT"
    origin: str = "AWS_KMS"
    manager: str = "CUSTOMER"
    description: str = ""
    state: str = "Enabled"
    deletion_date: datetime | None = None
    deletion_days: int | None = None
    multi_region: bool = False
    material: str = ""
    """The id of the material that encrypts, signs and so on; "" before it is imported."""
    rotation_days: int | None = None
    """The period of automatic rotation; None while it is off."""
    next_rotation: datetime | None = None
    rotations_on_demand: int = 0

    @property
    def key_spec(self) -> KeySpec:
        """What its kind can do."""
        return SPECS[self.spec]


@record("kms.material", key=("key_id", "id"), indexes={"order": ("key_id", "number")})
class Material(Record):
    """One key material. The world's file holds it in the clear, as it holds everything else; nothing but KMS reads it."""

    key_id: str
    id: str
    number: int
    """1 for the first that the key had."""
    secret: bytes = b""
    """Empty while imported material is expired or deleted."""
    state: str = "CURRENT"
    description: str = ""
    expires: datetime | None = None
    rotated: datetime | None = None
    """When it became the current one; None for the first."""
    rotation: str = ""
    """AUTOMATIC or ON_DEMAND."""

    def __repr__(self) -> str:
        return f"Material(key_id={self.key_id!r}, id={self.id!r})"

    __str__ = __repr__


@record("kms.multi_region", key="id", scope="account")
class MultiRegion(Record):
    """The Regions of a multi-Region key."""

    id: str
    primary: str
    replicas: list[str]


def home(ctx: Context, key: Key) -> Context:
    """The context in the account that owns the key."""
    return ctx if ctx.account == key.account else ctx.at(account=key.account)


def materials(ctx: Context, key: Key) -> list[Material]:
    """All materials that a key has had, oldest first."""
    return list(home(ctx, key).ordered_by(Material, "order", key.id))


def current_material(ctx: Context, key: Key) -> Material:
    """The material that an enabled key works with."""
    found = home(ctx, key).get(Material, key.id, key.material)
    assert found is not None
    return found
