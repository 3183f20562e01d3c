"""Signatures and message authentication codes; and the public keys that others verify with."""

from __future__ import annotations

import hmac
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.services.kms import crypto, errors
from cloudjar.services.kms.find import check_algorithm, check_dry_run, check_enabled, find_key, key_for, used_key
from cloudjar.services.kms.grant_record import check_tokens
from cloudjar.services.kms.records import Key, current_material, home
from cloudjar.services.kms.usage import note_use


@operation(on=used_key)
def sign(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key, kind = _signing_key(ctx, req)
    check_dry_run(req)
    algorithm = req["SigningAlgorithm"]
    signature = crypto.sign(current_material(ctx, key).secret, algorithm, req["Message"], kind)
    note_use(ctx, key)
    return {"KeyId": key.arn, "Signature": signature, "SigningAlgorithm": algorithm}


@operation(on=used_key)
def verify(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key, kind = _signing_key(ctx, req)
    check_dry_run(req)
    algorithm = req["SigningAlgorithm"]
    try:
        crypto.verify(current_material(ctx, key).secret, algorithm, req["Message"], kind, req["Signature"])
    except crypto.BadCiphertext:
        raise errors.invalid_signature() from None
    note_use(ctx, key)
    return {"KeyId": key.arn, "SignatureValid": True, "SigningAlgorithm": algorithm}


def _signing_key(ctx: Context, req: dict[str, Any]) -> tuple[Key, str]:
    """The key, and the type of the message: checked against the algorithm."""
    key = key_for(ctx, req, "SIGN_VERIFY")
    algorithm = req["SigningAlgorithm"]
    check_algorithm(key, algorithm, lambda spec: spec.signing)
    if algorithm == "ED25519_PH_SHA_512":
        raise not_implemented("kms", ctx.call_info.operation, "ED25519_PH_SHA_512: the cryptography library does not have Ed25519ph")
    kind: str = req.get("MessageType") or "RAW"
    allowed = {"ED25519_SHA_512": ("RAW",), "ML_DSA_SHAKE_256": ("RAW", "EXTERNAL_MU")}.get(algorithm, ("RAW", "DIGEST"))
    if kind not in allowed:
        raise errors.message_type(kind, algorithm)
    size = crypto.digest_size(algorithm) if kind == "DIGEST" else 64
    if kind != "RAW" and len(req["Message"]) != size:
        raise errors.digest_length(algorithm)
    return key, kind


@operation(on=used_key)
def generate_mac(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key = _mac_key(ctx, req)
    check_dry_run(req)
    note_use(ctx, key)
    return {"Mac": _mac(ctx, key, req), "MacAlgorithm": req["MacAlgorithm"], "KeyId": key.arn}


@operation(on=used_key)
def verify_mac(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key = _mac_key(ctx, req)
    check_dry_run(req)
    if not hmac.compare_digest(_mac(ctx, key, req), req["Mac"]):
        raise errors.invalid_mac()
    note_use(ctx, key)
    return {"MacValid": True, "MacAlgorithm": req["MacAlgorithm"], "KeyId": key.arn}


def _mac_key(ctx: Context, req: dict[str, Any]) -> Key:
    key = key_for(ctx, req, "GENERATE_VERIFY_MAC")
    check_algorithm(key, req["MacAlgorithm"], lambda spec: spec.macs)
    return key


def _mac(ctx: Context, key: Key, req: dict[str, Any]) -> bytes:
    digest = "sha" + req["MacAlgorithm"].rpartition("_")[2]
    return hmac.digest(current_material(ctx, key).secret, req["Message"], digest)


@operation(on=used_key)
def get_public_key(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key = find_key(ctx, req["KeyId"])
    if req.get("GrantTokens"):
        check_tokens(home(ctx, key), req["GrantTokens"])
    if key.key_spec.is_secret:
        raise errors.wrong_key_kind(key.arn)
    check_enabled(key)
    return {
        "KeyId": key.arn,
        "PublicKey": crypto.public_der(current_material(ctx, key).secret),
        "CustomerMasterKeySpec": key.spec,
        "KeySpec": key.spec,
        "KeyUsage": key.usage,
        **key.key_spec.algorithms(key.usage),
    }
