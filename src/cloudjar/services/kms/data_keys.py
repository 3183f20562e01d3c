"""Data keys and data key pairs: made here, used elsewhere; and random bytes."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.ids import secret_bytes
from cloudjar.kernel.marks import operation
from cloudjar.services.kms import crypto, errors
from cloudjar.services.kms.encryption import USAGE, encrypt_with
from cloudjar.services.kms.find import check_algorithm, check_dry_run, key_for, used_key
from cloudjar.services.kms.records import Key
from cloudjar.services.kms.specs import SYMMETRIC
from cloudjar.services.kms.usage import note_use

_SIZES = {"AES_256": 32, "AES_128": 16}


@operation(on=used_key)
def generate_data_key(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _refuse_recipient(ctx, req)
    return _data_key(ctx, req)


@operation(on=used_key)
def generate_data_key_without_plaintext(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    answer = _data_key(ctx, req)
    del answer["Plaintext"]
    return answer


def _data_key(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if ("NumberOfBytes" in req) == ("KeySpec" in req):
        raise errors.bytes_or_spec()
    key = _wrapping_key(ctx, req)
    check_dry_run(req)
    note_use(ctx, key)
    plaintext = secret_bytes(req.get("NumberOfBytes") or _SIZES[req["KeySpec"]])
    blob = encrypt_with(ctx, key, SYMMETRIC, plaintext, req.get("EncryptionContext") or {})
    return {"CiphertextBlob": blob, "Plaintext": plaintext, "KeyId": key.arn, "KeyMaterialId": key.material}


@operation(on=used_key)
async def generate_data_key_pair(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _refuse_recipient(ctx, req)
    return await _data_key_pair(ctx, req)


@operation(on=used_key)
async def generate_data_key_pair_without_plaintext(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    answer = await _data_key_pair(ctx, req)
    del answer["PrivateKeyPlaintext"]
    return answer


async def _data_key_pair(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    spec = req["KeyPairSpec"]
    if spec == "SM2":
        raise errors.unsupported("SM2 keys are only supported in China Regions.")
    with ctx.transaction():
        _wrapping_key(ctx, req)
        check_dry_run(req)
    private = await ctx.offload(crypto.generate, spec)
    with ctx.transaction():
        key = _wrapping_key(ctx, req)
        note_use(ctx, key)
        return {
            "PrivateKeyCiphertextBlob": encrypt_with(ctx, key, SYMMETRIC, private, req.get("EncryptionContext") or {}),
            "PrivateKeyPlaintext": private,
            "PublicKey": crypto.public_der(private),
            "KeyId": key.arn,
            "KeyPairSpec": spec,
            "KeyMaterialId": key.material,
        }


@operation()
def generate_random(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _refuse_recipient(ctx, req)
    if req.get("CustomKeyStoreId"):
        raise not_implemented("kms", "GenerateRandom", "custom key stores")
    if "NumberOfBytes" not in req:
        raise errors.bytes_needed()
    return {"Plaintext": secret_bytes(req["NumberOfBytes"])}


def _wrapping_key(ctx: Context, req: dict[str, Any]) -> Key:
    key = key_for(ctx, req, USAGE)
    check_algorithm(key, SYMMETRIC, lambda spec: spec.encryption)
    return key


def _refuse_recipient(ctx: Context, req: dict[str, Any]) -> None:
    if req.get("Recipient"):
        raise not_implemented("kms", ctx.call_info.operation, "Recipient (Nitro enclaves)")
