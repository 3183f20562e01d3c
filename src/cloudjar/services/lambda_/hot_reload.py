"""Code that stays in its folder: bucket `hot-reload`, key the folder's path. A change there is seen by the next call."""

from __future__ import annotations

import base64
import hashlib
import os
from typing import TYPE_CHECKING

from cloudjar.kernel.blobs import EMPTY
from cloudjar.kernel.context import Context
from cloudjar.services.lambda_ import errors
from cloudjar.services.lambda_.functions import Code, Version
from cloudjar.services.lambda_.pool import Pool

if TYPE_CHECKING:
    from cloudjar.kernel.world import World

BUCKET = "hot-reload"
_IGNORED = frozenset({"__pycache__", ".git"})


def package(path: str) -> Code:
    """The code of a function that runs out of a folder. Raises InvalidParameterValueException."""
    if not os.path.isabs(path) and not path.startswith("~"):
        path = f"/{path}"
    path = os.path.abspath(path)
    if not os.path.isdir(path):
        raise errors.invalid(f"The hot-reload path {path} is not a folder of this machine.")
    return Code(EMPTY, base64.b64encode(hashlib.sha256(path.encode()).digest()).decode(), 0, 0, path)


class Folders:
    """How the folders of one world's functions looked when they were last called."""

    def __init__(self, world: World) -> None:
        self.seen: dict[tuple[str, str, str, int], str] = {}


async def refresh(ctx: Context, version: Version) -> None:
    """Before a call: ends warm environments whose code has changed."""
    if not version.code.folder:
        return
    key = (ctx.account, ctx.region, version.name, version.number)
    now = await ctx.offload(_fingerprint, version.code.folder)
    seen = ctx.world.part(Folders).seen
    if seen.get(key, now) != now:
        ctx.world.part(Pool).retire(ctx.account, ctx.region, version.name, {version.number})
    seen[key] = now


def _fingerprint(folder: str) -> str:
    found = hashlib.sha256()
    for directory, folders, files in os.walk(folder):
        folders[:] = sorted(set(folders) - _IGNORED)
        for name in sorted(files):
            path = os.path.join(directory, name)
            try:
                status = os.stat(path)
            except OSError:
                continue
            found.update(f"{path}\0{status.st_mtime_ns}\0{status.st_size}\0".encode("utf-8", "surrogateescape"))
    return found.hexdigest()
