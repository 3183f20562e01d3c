"""Imported key material: really wrapped under an RSA key made for it, and gone when it expires."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel import keys as kernel_keys
from cloudjar.kernel.context import Context
from cloudjar.kernel.ids import secret_bytes
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.kms import crypto, errors
from cloudjar.services.kms.find import check_not_leaving, managed_key, own_key
from cloudjar.services.kms.material import material_id
from cloudjar.services.kms.records import Key, Material, MultiRegion, materials
from cloudjar.services.kms.service_events import announce

VALID_HOURS = 24
TOKEN = 32
"""Bytes of an import token: random, and the name of what is kept for it."""


@record("kms.import", key="token")
class ImportParameters(Record):
    """The wrapping key that was made for one import."""

    token: bytes
    key_id: str
    algorithm: str
    private: bytes
    expires: datetime

    def __repr__(self) -> str:
        return f"ImportParameters(key_id={self.key_id!r})"

    __str__ = __repr__


@operation(on=managed_key)
async def get_parameters_for_import(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if "SM2" in req["WrappingKeySpec"] or req["WrappingAlgorithm"] == "SM2PKE":
        raise errors.unsupported("SM2 keys are only supported in China Regions.")
    if req["WrappingAlgorithm"] == "RSAES_PKCS1_V1_5":
        # AWS withdrew it on October 10, 2023.
        raise errors.unsupported("The wrapping algorithm RSAES_PKCS1_V1_5 is no longer supported.")
    with ctx.transaction():
        _importing_key(ctx, req)
    private = await ctx.offload(crypto.generate, req["WrappingKeySpec"])
    with ctx.transaction():
        key = _importing_key(ctx, req)
        expires = ctx.now + timedelta(hours=VALID_HOURS)
        parameters = ctx.put(ImportParameters(secret_bytes(TOKEN), key.id, req["WrappingAlgorithm"], private, expires))
        # Kept a while longer, so that a late import is told why it fails.
        ctx.after(forget_parameters, parameters.token.hex(), at=expires + timedelta(hours=VALID_HOURS), housekeeping=True)
        return {
            "KeyId": key.arn,
            "ImportToken": parameters.token,
            "PublicKey": crypto.public_der(private),
            "ParametersValidTo": expires,
        }


@timer
def forget_parameters(ctx: Context, token: str) -> None:
    """Removes a wrapping key that can no longer be used."""
    found = ctx.get(ImportParameters, bytes.fromhex(token))
    if found is not None:
        ctx.delete(found)


@operation(on=managed_key)
def import_key_material(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key = _importing_key(ctx, req)
    expires = _expiry(ctx, req)
    secret = _unwrapped(ctx, key, req)
    fresh = material_id(key.id, secret)
    if req.get("KeyMaterialId", fresh) != fresh:
        raise errors.incorrect_material("The key material does not match the KeyMaterialId in the request.")
    held = ctx.get(Material, key.id, fresh)
    if req.get("ImportType") == "NEW_KEY_MATERIAL" and key.material:
        material = _new_material(ctx, key, held, fresh)
    elif held is not None:
        material = held
    elif key.material:
        raise errors.incorrect_material("The key material is not the one that was imported into this key before.")
    else:
        material = Material(key.id, fresh, 1)
        key = replace(key, material=fresh)
    description = req.get("KeyMaterialDescription")
    ctx.put(replace(material, secret=secret, expires=expires, description=material.description if description is None else description))
    if expires is not None:
        ctx.after(expire_material, key.id, fresh, kernel_keys.microseconds(expires), at=expires)
    # A key works again when all materials that it has ever had are back; one that is only meant for a rotation does not count.
    if key.state == "PendingImport" and all(each.secret for each in materials(ctx, key) if not _waits(each)):
        key = replace(key, state="Enabled")
    ctx.put(key)
    answer = {"KeyId": key.arn}
    if key.key_spec.is_symmetric:
        answer["KeyMaterialId"] = fresh
    return answer


def _new_material(ctx: Context, key: Key, held: Material | None, fresh: str) -> Material:
    """Material that the key will be rotated to."""
    if not key.key_spec.is_symmetric:
        raise errors.unsupported("New key material can only be imported into symmetric encryption keys.")
    shared = ctx.get(MultiRegion, key.id) if key.multi_region else None
    if shared is not None and shared.primary != key.region:
        raise errors.unsupported("New key material is imported into the primary key first.")
    if held is not None:
        raise errors.incorrect_material("The key material was imported into this key before.")
    if any(_waits(each) for each in materials(ctx, key)):
        raise errors.wrong_state(key.arn, "already holding key material that is pending rotation")
    material = Material(key.id, fresh, len(materials(ctx, key)) + 1, state="PENDING_ROTATION")
    for region in shared.replicas if shared else ():
        ctx.at(region=region).put(material)
    return material


def _waits(material: Material) -> bool:
    return material.state == "PENDING_ROTATION"


def _expiry(ctx: Context, req: dict[str, Any]) -> datetime | None:
    expires: datetime | None = req.get("ValidTo")
    if req.get("ExpirationModel", "KEY_MATERIAL_EXPIRES") == "KEY_MATERIAL_DOES_NOT_EXPIRE":
        if expires is not None:
            raise errors.invalid("ValidTo must not be specified when ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE.")
        return None
    if expires is None:
        raise errors.invalid("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES")
    if not ctx.now < expires <= ctx.now + timedelta(days=365):
        raise errors.invalid("ValidTo must be in the future, and within 365 days.")
    return expires


def _unwrapped(ctx: Context, key: Key, req: dict[str, Any]) -> bytes:
    parameters = ctx.get(ImportParameters, req["ImportToken"])
    if parameters is None or parameters.key_id != key.id:
        raise errors.invalid_import_token()
    if parameters.expires <= ctx.now:
        raise errors.expired_import_token()
    try:
        secret = crypto.unwrap(parameters.private, parameters.algorithm, req["EncryptedKeyMaterial"])
    except crypto.BadCiphertext:
        raise errors.invalid_ciphertext() from None
    try:
        crypto.check_material(key.spec, secret)
    except crypto.BadKey as problem:
        raise errors.incorrect_material(f"The key material is not valid for the key: {problem}.") from None
    return secret


@operation(on=managed_key)
def delete_imported_key_material(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key = own_key(ctx, req["KeyId"])
    if key.origin != "EXTERNAL":
        raise errors.wrong_origin(key.arn, key.origin)
    wanted = req.get("KeyMaterialId") or key.material
    material = ctx.get(Material, key.id, wanted)
    if material is not None:
        _lose(ctx, key, material)
    elif "KeyMaterialId" in req:
        raise errors.key_not_found(f"{key.arn}, material {wanted},")
    answer = {"KeyId": key.arn}
    if key.key_spec.is_symmetric:
        answer["KeyMaterialId"] = wanted
    return answer


@timer
def expire_material(ctx: Context, key_id: str, material: str, due: int) -> None:
    """Takes material away, unless it was imported again with another date meanwhile."""
    key, held = ctx.get(Key, key_id), ctx.get(Material, key_id, material)
    if key is None or held is None or held.expires is None or kernel_keys.microseconds(held.expires) != due:
        return
    _lose(ctx, key, held)
    ctx.emit("aws.kms", "KMS Imported Key Material Expiration", {"key-id": key_id}, [key.arn])
    announce(ctx, key, "DeleteExpiredKeyMaterial", keyMaterialId=material)


def _lose(ctx: Context, key: Key, material: Material) -> None:
    if _waits(material):
        ctx.delete(material)
        return
    ctx.put(replace(material, secret=b"", expires=None))
    if key.state in ("Enabled", "Disabled"):
        ctx.put(replace(key, state="PendingImport"))


def expiry_to_wire(ctx: Context, key: Key) -> dict[str, Any]:
    """DescribeKey's members on the expiry of imported material."""
    material = ctx.get(Material, key.id, key.material) if key.material else None
    if material is None or not material.secret:
        return {}
    if material.expires is None:
        return {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    return {"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": material.expires}


def _importing_key(ctx: Context, req: dict[str, Any]) -> Key:
    key = own_key(ctx, req["KeyId"])
    if key.origin != "EXTERNAL":
        raise errors.wrong_origin(key.arn, key.origin)
    check_not_leaving(key)
    return key
