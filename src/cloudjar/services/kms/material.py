"""New key material: its id, and its place among a key's materials."""

from __future__ import annotations

import hashlib

from cloudjar.kernel.context import Context
from cloudjar.kernel.records import replace
from cloudjar.services.kms.records import Key, Material, home, materials


def material_id(key_id: str, secret: bytes) -> str:
    """64 digits that say nothing of the material, and are the same for the same material of a key in every Region."""
    return hashlib.sha256(b"cloudjar kms material\0" + key_id.encode() + b"\0" + hashlib.sha512(secret).digest()).hexdigest()


def add_first(ctx: Context, key: Key, secret: bytes) -> Key:
    """Gives a new key its material; gives the key back."""
    first = home(ctx, key).put(Material(key.id, material_id(key.id, secret), 1, secret))
    return home(ctx, key).put(replace(key, material=first.id))


def make_current(ctx: Context, key: Key, fresh: Material, rotation: str) -> Key:
    """Rotates: the fresh material works from now on; the older ones still decrypt. Gives the key back."""
    there = home(ctx, key)
    for old in materials(ctx, key):
        if old.state == "CURRENT":
            there.put(replace(old, state="NON_CURRENT"))
    there.put(replace(fresh, state="CURRENT", rotated=ctx.now, rotation=rotation))
    return there.put(replace(key, material=fresh.id))
