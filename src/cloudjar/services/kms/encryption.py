"""Encrypt, Decrypt and ReEncrypt, symmetric and RSA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.services.kms import crypto, envelope, errors
from cloudjar.services.kms.find import check_algorithm, check_dry_run, check_use, find_key, key_for, used_key
from cloudjar.services.kms.records import Key, Material, current_material, home
from cloudjar.services.kms.specs import SYMMETRIC
from cloudjar.services.kms.usage import note_use

USAGE = "ENCRYPT_DECRYPT"


@operation(on=used_key)
def encrypt(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key = key_for(ctx, req, USAGE)
    algorithm = req.get("EncryptionAlgorithm") or SYMMETRIC
    context = req.get("EncryptionContext") or {}
    _check_encryption(key, algorithm, context, len(req["Plaintext"]))
    check_dry_run(req)
    note_use(ctx, key)
    return {
        "CiphertextBlob": encrypt_with(ctx, key, algorithm, req["Plaintext"], context),
        "KeyId": key.arn,
        "EncryptionAlgorithm": algorithm,
    }


def encrypt_with(ctx: Context, key: Key, algorithm: str, plaintext: bytes, context: Mapping[str, str]) -> bytes:
    """A ciphertext blob under the key's current material."""
    material = current_material(ctx, key)
    if algorithm == SYMMETRIC:
        return envelope.wrap(key.account, key.id, material.id, material.secret, plaintext, context)
    return crypto.rsa_encrypt(material.secret, algorithm, plaintext)


def _check_encryption(key: Key, algorithm: str, context: Mapping[str, str], size: int) -> None:
    check_algorithm(key, algorithm, lambda spec: spec.encryption)
    if algorithm == SYMMETRIC:
        return
    if context:
        raise errors.context_with_asymmetric_key()
    longest = crypto.longest_plaintext(key.spec, algorithm)
    if size > longest:
        raise errors.plaintext_too_long(algorithm, key.spec, longest)


def decrypting_key(ctx: Context, req: dict[str, Any]) -> str:
    """IAM is asked about the key that made the ciphertext."""
    return _source(ctx, req, "KeyId", "EncryptionAlgorithm").arn


@operation(on=decrypting_key)
def decrypt(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("Recipient"):
        raise not_implemented("kms", "Decrypt", "Recipient (Nitro enclaves)")
    key = _source(ctx, req, "KeyId", "EncryptionAlgorithm")
    algorithm = req.get("EncryptionAlgorithm") or SYMMETRIC
    check_use(ctx, key, req, USAGE)
    check_algorithm(key, algorithm, lambda spec: spec.encryption)
    if "CiphertextBlob" not in req:
        check_dry_run(req)
    plaintext, material = _decrypt(ctx, key, algorithm, req["CiphertextBlob"], req.get("EncryptionContext") or {})
    check_dry_run(req)
    note_use(ctx, key)
    answer: dict[str, Any] = {"KeyId": key.arn, "Plaintext": plaintext, "EncryptionAlgorithm": algorithm}
    if algorithm == SYMMETRIC:
        answer["KeyMaterialId"] = material
    return answer


def _source(ctx: Context, req: dict[str, Any], member: str, algorithm_member: str) -> Key:
    """The key that made the ciphertext; IncorrectKeyException if the request names another."""
    named = find_key(ctx, req[member]) if req.get(member) else None
    if "CiphertextBlob" not in req:
        # A dry run may do without: the permission is all that it asks about.
        if named is None or not req.get("DryRun") or "IGNORE_CIPHERTEXT" not in (req.get("DryRunModifiers") or ()):
            raise errors.ciphertext_needed()
        return named
    if (req.get(algorithm_member) or SYMMETRIC) != SYMMETRIC:
        if named is None:
            raise errors.key_id_needed()
        return named
    parts = envelope.parse(req["CiphertextBlob"])
    if named is not None:
        if named.id != parts.key_id or named.account != parts.account:
            raise errors.incorrect_key()
        return named
    found = (ctx if parts.account == ctx.account else ctx.at(account=parts.account)).get(Key, parts.key_id)
    if found is None:
        raise errors.ciphertext_of_unknown_key()
    return found


def _decrypt(ctx: Context, key: Key, algorithm: str, blob: bytes, context: Mapping[str, str]) -> tuple[bytes, str]:
    """The plaintext, and the id of the material that it was under."""
    if algorithm != SYMMETRIC:
        material = current_material(ctx, key)
        if context:
            raise errors.context_with_asymmetric_key()
        try:
            return crypto.rsa_decrypt(material.secret, algorithm, blob), material.id
        except crypto.BadCiphertext:
            raise errors.invalid_ciphertext() from None
    parts = envelope.parse(blob)
    held = home(ctx, key).get(Material, key.id, parts.material)
    if held is None or not held.secret:
        raise errors.invalid_ciphertext()
    return parts.open(held.secret, context), held.id


def both_keys(ctx: Context, req: dict[str, Any]) -> dict[str, str]:
    """ReEncrypt asks two questions."""
    source = _source(ctx, req, "SourceKeyId", "SourceEncryptionAlgorithm")
    return {"kms:ReEncryptFrom": source.arn, "kms:ReEncryptTo": find_key(ctx, req["DestinationKeyId"]).arn}


@operation(on=both_keys)
def re_encrypt(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    source = _source(ctx, req, "SourceKeyId", "SourceEncryptionAlgorithm")
    source_algorithm = req.get("SourceEncryptionAlgorithm") or SYMMETRIC
    target_algorithm = req.get("DestinationEncryptionAlgorithm") or SYMMETRIC
    target_context = req.get("DestinationEncryptionContext") or {}
    check_use(ctx, source, req, USAGE)
    check_algorithm(source, source_algorithm, lambda spec: spec.encryption)
    target = key_for(ctx, req, USAGE, "DestinationKeyId")
    if "CiphertextBlob" not in req:
        check_dry_run(req)
    plaintext, source_material = _decrypt(ctx, source, source_algorithm, req["CiphertextBlob"], req.get("SourceEncryptionContext") or {})
    _check_encryption(target, target_algorithm, target_context, len(plaintext))
    check_dry_run(req)
    note_use(ctx, source)
    note_use(ctx, target)
    answer: dict[str, Any] = {
        "CiphertextBlob": encrypt_with(ctx, target, target_algorithm, plaintext, target_context),
        "SourceKeyId": source.arn,
        "KeyId": target.arn,
        "SourceEncryptionAlgorithm": source_algorithm,
        "DestinationEncryptionAlgorithm": target_algorithm,
    }
    if source_algorithm == SYMMETRIC:
        answer["SourceKeyMaterialId"] = source_material
    if target_algorithm == SYMMETRIC:
        answer["DestinationKeyMaterialId"] = target.material
    return answer
