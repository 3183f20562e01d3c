"""Shared secrets: ECDH and ML-KEM."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.services.kms import crypto, errors
from cloudjar.services.kms.find import check_algorithm, check_dry_run, key_for, used_key
from cloudjar.services.kms.records import Key, current_material
from cloudjar.services.kms.usage import note_use


@operation(on=used_key)
def derive_shared_secret(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("Recipient"):
        raise not_implemented("kms", "DeriveSharedSecret", "Recipient (Nitro enclaves)")
    key = key_for(ctx, req, "KEY_AGREEMENT")
    check_algorithm(key, req["KeyAgreementAlgorithm"], lambda spec: spec.agreement)
    check_dry_run(req)
    try:
        secret = crypto.agree(current_material(ctx, key).secret, req["PublicKey"])
    except crypto.BadKey:
        raise errors.invalid_public_key() from None
    note_use(ctx, key)
    return {
        "KeyId": key.arn,
        "SharedSecret": secret,
        "KeyAgreementAlgorithm": req["KeyAgreementAlgorithm"],
        "KeyOrigin": key.origin,
    }


@operation(on=used_key)
def encapsulate(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key = _encapsulating_key(ctx, req)
    check_dry_run(req)
    note_use(ctx, key)
    secret, ciphertext = crypto.encapsulate(current_material(ctx, key).secret)
    return {
        "KeyId": key.arn,
        "SharedSecret": secret,
        "SharedSecretCiphertextBlob": ciphertext,
        "EncapsulationAlgorithm": req["EncapsulationAlgorithm"],
    }


@operation(on=used_key)
def decapsulate(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key = _encapsulating_key(ctx, req)
    check_dry_run(req)
    try:
        secret = crypto.decapsulate(current_material(ctx, key).secret, req["SharedSecretCiphertextBlob"])
    except crypto.BadCiphertext:
        raise errors.invalid_ciphertext() from None
    note_use(ctx, key)
    return {"KeyId": key.arn, "SharedSecret": secret, "EncapsulationAlgorithm": req["EncapsulationAlgorithm"]}


def _encapsulating_key(ctx: Context, req: dict[str, Any]) -> Key:
    key = key_for(ctx, req, "ENCAPSULATE_DECAPSULATE")
    check_algorithm(key, req["EncapsulationAlgorithm"], lambda spec: spec.encapsulation)
    return key
