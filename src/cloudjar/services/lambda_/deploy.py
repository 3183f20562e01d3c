"""Packages and layers, unpacked on disk for the sandboxes of one world. A cache: what is missing is unpacked again."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cloudjar.compute.unpack import ArchiveTooLarge, BadArchive, unpack
from cloudjar.services.lambda_ import errors, sealed_code
from cloudjar.services.lambda_.environment import BOOTSTRAPS, RUNTIME
from cloudjar.services.lambda_.functions import Code
from cloudjar.services.lambda_.interpreters import Interpreter, compile_java, compile_python, stamp

if TYPE_CHECKING:
    from cloudjar.kernel.world import World


_COMPILE_AFTER_SECONDS = 1.0
"""Not while the function that needs it first starts."""
UNZIPPED_LIMIT = 262_144_000
"""Bytes that a function and its layers may take together, unzipped."""


class Deployments:
    """Unpacked packages by digest: `code/DIGEST` as /var/task, `opt/DIGESTS` as /opt."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.directory = world.directory / "lambda"
        self._making: dict[Path, asyncio.Future[None]] = {}
        # Left by a jar that is no more. A new name at once, and the work elsewhere: it may be many files.
        if self.directory.exists():
            self.directory.rename(self.directory.with_name(f"lambda-stale-{world.clock.seconds()}"))
        stale = list(world.directory.glob("lambda-stale-*"))
        self._sweeping = asyncio.ensure_future(world.host.offload(_remove_all, stale)) if stale else None
        for name in ("code", "opt", "tmp"):
            (self.directory / name).mkdir(parents=True)
        self._temporary = 0
        self._compiled: dict[Interpreter, Path] = {}
        self._to_compile: dict[Interpreter, asyncio.TimerHandle] = {}
        self._compiling: list[asyncio.Future[None]] = []

    async def task(self, package: Code, data: bytes = b"", *, key: bytes = b"") -> str:
        """The directory of a package: of `data`, or of what is stored, where it is encrypted under `key`."""
        if package.folder:
            return package.folder
        target = self.directory / "code" / _name(package.sha256)
        await self._once(target, lambda fresh: self._unpack(package, data, key, fresh))
        return str(target)

    async def opt(self, layers: Sequence[Code]) -> str:
        """The directory of layers, one over the other in their order; "" for none."""
        if not layers:
            return ""
        sources = [await self.task(layer) for layer in layers]
        if len(sources) == 1:
            return sources[0]
        target = self.directory / "opt" / "-".join(_name(layer.sha256)[:16] for layer in layers)

        def merge(fresh: Path) -> None:
            for source in sources:
                _merge(source, fresh)

        await self._once(target, merge)
        return str(target)

    async def java_classes(self, interpreter: Interpreter | None) -> str:
        """The directory of the compiled Java runtime, once for all worlds; "" for other interpreters. Raises OSError."""
        if interpreter is None or not interpreter.compiler:
            return ""
        sources = BOOTSTRAPS / "java"
        digest = hashlib.sha256(interpreter.compiler.encode())
        for source in sorted(sources.rglob("*.java")):
            digest.update(source.read_bytes())
        target = self._world.blobs.directory.parent / "cache" / f"java-{digest.hexdigest()[:16]}"
        await self._world.host.offload(compile_java, interpreter.compiler, sources, target)
        return str(target)

    def bootstraps(self, interpreter: Interpreter | None, family: str) -> str:
        """The directory of the runtimes; for Python as compiled code, once that is ready: compiling takes half of a start."""
        if interpreter is None or family != "python":
            return str(BOOTSTRAPS)
        known = self._compiled.get(interpreter)
        if known is None:
            digest = hashlib.sha256(stamp(interpreter).encode())
            for source in sorted(BOOTSTRAPS.rglob("*.py")):
                digest.update(source.read_bytes())
            known = self._compiled[interpreter] = self._world.blobs.directory.parent / "cache" / f"python-{digest.hexdigest()[:16]}"
            if not known.exists():
                loop = asyncio.get_running_loop()
                self._to_compile[interpreter] = loop.call_later(_COMPILE_AFTER_SECONDS, self._compile_soon, interpreter, known)
        return str(BOOTSTRAPS if interpreter in self._to_compile else known)

    def _compile_soon(self, interpreter: Interpreter, target: Path) -> None:
        self._compiling.append(asyncio.ensure_future(self._compile(interpreter, target)))

    async def _compile(self, interpreter: Interpreter, target: Path) -> None:
        try:
            await self._world.host.offload(compile_python, interpreter, BOOTSTRAPS, target, f"{RUNTIME}/bootstraps")
        except OSError as problem:
            # It goes on as source.
            self._world.host.log_failure("compiling the Python runtime", problem)
            return
        del self._to_compile[interpreter]

    def temporary(self) -> str:
        """A new empty directory for one sandbox's /tmp."""
        self._temporary += 1
        path = self.directory / "tmp" / str(self._temporary)
        path.mkdir()
        path.chmod(0o777)
        return str(path)

    def pipe(self) -> str:
        """A name for a standby's pipe."""
        self._temporary += 1
        return str(self.directory / "tmp" / f"{self._temporary}.pipe")

    def remove(self, path: str) -> None:
        """Removes a sandbox's /tmp."""
        shutil.rmtree(path, ignore_errors=True)

    async def _once(self, target: Path, make: object) -> None:
        """Makes a directory whole or not at all, once, however many ask."""
        assert callable(make)
        if target in self._making:
            await self._making[target]
            return
        if target.exists():
            return
        loop = asyncio.get_running_loop()
        future = self._making[target] = loop.create_future()
        fresh = target.with_name(target.name + ".new")
        try:
            fresh.mkdir()
            await self._world.host.offload(make, fresh)
            fresh.rename(target)
            future.set_result(None)
        except BaseException as error:
            shutil.rmtree(fresh, ignore_errors=True)
            future.set_exception(error)
            future.exception()
            raise
        finally:
            del self._making[target]

    def _unpack(self, package: Code, data: bytes, key: bytes, target: Path) -> None:
        blob = package.blob
        if key:
            data = sealed_code.opened(key, self._world.blobs.read(blob))
        try:
            with open(self._world.blobs.path(blob), "rb") if blob.id and not data else io.BytesIO(data or blob.inline) as archive:
                unpack(archive, target, max_bytes=UNZIPPED_LIMIT)
        except ArchiveTooLarge:
            raise errors.unzipped_too_large(UNZIPPED_LIMIT) from None
        except BadArchive:
            raise errors.bad_zip() from None
        _readable(target)

    async def close(self) -> None:
        """Everything can be made again."""
        if self._sweeping is not None:
            await self._sweeping
        for alarm in self._to_compile.values():
            alarm.cancel()
        await asyncio.gather(*self._compiling)
        shutil.rmtree(self.directory, ignore_errors=True)


def _remove_all(directories: list[Path]) -> None:
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


def _name(sha256: str) -> str:
    return base64.b64decode(sha256).hex()


def _readable(directory: Path) -> None:
    """What the owner may read or execute, the sandbox's user may too."""
    for folder, _, files in os.walk(directory):
        os.chmod(folder, 0o755)
        for name in files:
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            if mode & 0o170000 == 0o100000:
                os.chmod(path, 0o755 if mode & 0o111 else 0o644)


def _merge(source: str, target: Path) -> None:
    """Puts one tree over another, file by file: the same files, not copies."""
    for folder, _, files in os.walk(source):
        inside = target / Path(folder).relative_to(source)
        if inside.is_symlink() or inside.is_file():
            inside.unlink()
        inside.mkdir(exist_ok=True)
        for name in files:
            place = inside / name
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            place.unlink(missing_ok=True)
            os.link(os.path.join(folder, name), place, follow_symlinks=False)
