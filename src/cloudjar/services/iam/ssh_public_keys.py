"""SSH public keys of users, for CodeCommit."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.iam import errors, naming, quotas
from cloudjar.services.iam.entities import User, find_user, user_arn


@record("iam.ssh_public_key", key="id", scope="world", indexes={"user": ("user_id", "id")})
class SshPublicKey(Record):
    """A key that a user signs in to git with; its id is the SSH user name."""

    id: str
    """APKA..."""
    user_id: str
    body: str
    fingerprint: str
    uploaded: datetime
    status: str = "Active"


def _find(ctx: Context, req: dict[str, Any]) -> tuple[User, SshPublicKey]:
    user = find_user(ctx, naming.user_name(ctx, req))
    found = ctx.get(SshPublicKey, req["SSHPublicKeyId"])
    if found is None or found.user_id != user.id:
        raise errors.ssh_key_not_found(req["SSHPublicKeyId"])
    return user, found


def _to_wire(name: str, key: SshPublicKey) -> dict[str, Any]:
    return {"UserName": name, "SSHPublicKeyId": key.id, "Status": key.status, "UploadDate": key.uploaded}


@operation(on=user_arn)
def upload_ssh_public_key(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    user = find_user(ctx, req["UserName"])
    body = " ".join(_ssh_form(req["SSHPublicKeyBody"]).split()[:2])
    known = list(ctx.where(SshPublicKey, user_id=user.id))
    if any(key.body == body for key in known):
        raise AwsError("DuplicateSSHPublicKey", f"The SSH public key is already associated with the user {user.name}.")
    quotas.check(len(known), quotas.SSH_KEYS_PER_USER, "SSHPublicKeysPerUser")
    key = SshPublicKey(ctx.ids.unique_id("APKA"), user.id, body, _fingerprint(body), naming.now(ctx))
    ctx.put(key)
    return {"SSHPublicKey": {**_to_wire(user.name, key), "Fingerprint": key.fingerprint, "SSHPublicKeyBody": key.body}}


@operation(on=user_arn)
def get_ssh_public_key(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    user, key = _find(ctx, req)
    body = key.body if req["Encoding"] == "SSH" else _pem_form(key.body)
    return {"SSHPublicKey": {**_to_wire(user.name, key), "Fingerprint": key.fingerprint, "SSHPublicKeyBody": body}}


@operation(on=user_arn)
def list_ssh_public_keys(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    user = find_user(ctx, naming.user_name(ctx, req))
    return naming.page(ctx, req, ctx.where(SshPublicKey, user_id=user.id), lambda key: _to_wire(user.name, key))


@operation(on=user_arn)
def update_ssh_public_key(ctx: Context, req: dict[str, Any]) -> None:
    ctx.put(replace(_find(ctx, req)[1], status=naming.status_of(req)))


@operation(on=user_arn)
def delete_ssh_public_key(ctx: Context, req: dict[str, Any]) -> None:
    ctx.delete(_find(ctx, req)[1])


def _ssh_form(text: str) -> str:
    """The key as an SSH line, from that form or from PEM. CodeCommit takes RSA keys of 2,048 bits and more."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key, load_ssh_public_key

    invalid = AwsError("InvalidPublicKey", "The public key is malformed or otherwise invalid.")
    try:
        data = text.strip().encode()
        key = load_pem_public_key(data) if data.startswith(b"-----BEGIN") else load_ssh_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise invalid from None
    if not isinstance(key, RSAPublicKey) or key.key_size < 2048:
        raise invalid
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _pem_form(line: str) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key

    return load_ssh_public_key(line.encode()).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _fingerprint(line: str) -> str:
    digest = hashlib.md5(base64.b64decode(line.split()[1]), usedforsecurity=False).hexdigest()
    return ":".join(digest[i : i + 2] for i in range(0, 32, 2))
