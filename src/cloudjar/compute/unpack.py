"""Unpack a zip archive from anybody into a directory: nothing outside is touched, and no bomb goes off."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from msgspec import Struct

LAMBDA_UNPACKED_BYTES = 262_144_000
"""What a Lambda package may take with its layers, unpacked (Lambda quotas: 250 MB)."""
_CHUNK = 1 << 18
_LONGEST_LINK = 4096
_LONGEST_NAME = 255
_LONGEST_PATH = 4096


class BadArchive(ValueError):
    """Not a zip archive, a broken one, or one that names what it must not. The caller's fault."""


class ArchiveTooLarge(BadArchive):
    """More entries or bytes than allowed."""


class Unpacked(Struct, frozen=True):
    """What an archive gave."""

    entries: int
    bytes: int


class _Entry(Struct, frozen=True):
    info: Any
    """zipfile's own: a ZipInfo."""
    parts: tuple[str, ...]
    kind: int
    mode: int

    @property
    def name(self) -> str:
        return str(self.info.filename)


def unpack(archive: IO[bytes], directory: Path, *, max_bytes: int = LAMBDA_UNPACKED_BYTES, max_entries: int = 65_535) -> Unpacked:
    """Unpack into an existing, empty directory, in the archive's order. Blocking: call it off the event loop.

    Permissions are those of the archive without set-user-id and the like; what names none (an archive made on Windows)
    gets 0644, and directories 0755. Symbolic links are kept if they lead to somewhere inside. Times are all
    1980-01-01, so that the same archive gives the same tree. Sizes that the archive declares are not believed: what
    comes out is counted, which is why no ratio needs a limit. Raises BadArchive, ArchiveTooLarge; the files that
    were written until then stay, but no link does.
    """
    import zipfile

    with _blaming_the_archive():
        opened = zipfile.ZipFile(archive)
    with opened:
        infos = opened.infolist()
        if len(infos) > max_entries:
            raise ArchiveTooLarge(f"more than {max_entries} entries")
        entries = _plan(infos)
        if sum(entry.info.file_size for entry in entries) > max_bytes:
            raise ArchiveTooLarge(f"more than {max_bytes} bytes unpacked")
        try:
            return _write(opened, entries, directory, max_bytes)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            # Names that are two for us and one for a file system that ignores case.
            raise BadArchive(f"two entries for one name: {os.path.basename(error.filename or '')!r}") from error


@contextmanager
def _blaming_the_archive() -> Iterator[None]:
    """Around reads of the archive alone. zipfile meets a broken one with every kind of exception there is."""
    try:
        yield
    except NotImplementedError as error:
        raise BadArchive(f"a compression method that is not supported: {error}") from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):
            raise
        # A seek to where the archive's broken directory points.
        raise BadArchive("not a valid zip archive") from error
    except Exception as error:
        raise BadArchive(f"not a valid zip archive: {error}") from error


def _plan(infos: list[Any]) -> list[_Entry]:
    """Check every name before anything is written; the last of several entries for one path counts, as with unzip -o."""
    chosen: dict[tuple[str, ...], _Entry] = {}
    for info in infos:
        parts = _parts(info.orig_filename)
        if not parts:
            continue
        mode = info.external_attr >> 16 if info.create_system == 3 else 0
        kind = stat.S_IFMT(mode)
        if info.filename.endswith("/") or (not kind and info.external_attr & 0x10):
            kind = stat.S_IFDIR
        elif not kind:
            kind = stat.S_IFREG
        if kind not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
            raise BadArchive(f"neither a file nor a directory nor a symbolic link: {info.filename!r}")
        if kind == stat.S_IFLNK and info.file_size > _LONGEST_LINK:
            raise BadArchive(f"a symbolic link that is too long: {info.filename!r}")
        permissions = mode & 0o777 or (0o755 if kind == stat.S_IFDIR else 0o644)
        chosen.pop(parts, None)
        chosen[parts] = _Entry(info, parts, kind, permissions)
    needed = {parts[:length] for parts in chosen for length in range(1, len(parts))}
    for parts, entry in chosen.items():
        if entry.kind != stat.S_IFDIR and parts in needed:
            raise BadArchive(f"something lies below what is no directory: {entry.name!r}")
    return list(chosen.values())


def _parts(name: str) -> tuple[str, ...]:
    """A name as path components. Raises BadArchive for one that leads out, or that no file can have."""
    # Archives made on Windows by old tools separate with backslashes, and drive letters are theirs too.
    if "\0" in name or name.startswith(("/", "\\")) or name[1:3] in (":/", ":\\"):
        raise BadArchive(f"not a relative path: {name!r}")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts or ".." in name.split("\\"):
        raise BadArchive(f"a path that leads out: {name!r}")
    try:
        lengths = [len(part.encode()) for part in parts]
    except UnicodeEncodeError as error:
        raise BadArchive(f"not a name: {name!r}") from error
    if any(length > _LONGEST_NAME for length in lengths) or sum(lengths) + len(lengths) > _LONGEST_PATH:
        raise BadArchive(f"a path that is too long: {name[:80]!r}")
    return parts


def _leads_out(parts: tuple[str, ...], target: str) -> bool:
    """Whether a symbolic link at `parts` leads out of the directory, by its text alone."""
    if not target or target.startswith("/") or "\0" in target:
        return True
    depth = len(parts) - 1
    for part in target.split("/"):
        if part == "..":
            depth -= 1
        elif part not in ("", "."):
            depth += 1
        if depth < 0:
            return True
    return False


def _chunks(opened: Any, info: Any) -> Iterator[bytes]:
    """The content of an entry, checked against its checksum at the end."""
    with _blaming_the_archive():
        source = opened.open(info)
    with source:
        while True:
            with _blaming_the_archive():
                chunk = source.read(_CHUNK)
            if not chunk:
                return
            yield chunk


def _write(opened: Any, entries: list[_Entry], directory: Path, max_bytes: int) -> Unpacked:
    total = 0
    links: list[tuple[_Entry, str]] = []
    directories: list[tuple[Path, int]] = []
    made: set[tuple[str, ...]] = {()}
    for entry in entries:
        for length in range(1, len(entry.parts) + (entry.kind == stat.S_IFDIR)):
            above = entry.parts[:length]
            if above not in made:
                directory.joinpath(*above).mkdir(mode=0o755)
                directories.append((directory.joinpath(*above), 0o755))
                made.add(above)
        path = directory.joinpath(*entry.parts)
        if entry.kind == stat.S_IFDIR:
            # Writable for the owner, or the jar itself could not remove it again.
            directories.append((path, entry.mode | 0o700))
            continue
        if entry.kind == stat.S_IFLNK:
            links.append((entry, _link_target(entry, b"".join(_chunks(opened, entry.info)))))
            continue
        # O_EXCL and O_NOFOLLOW: nothing can be there, and through nothing is it written.
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(fd, "wb", buffering=0) as file:
            for chunk in _chunks(opened, entry.info):
                total += len(chunk)
                if total > max_bytes:
                    raise ArchiveTooLarge(f"more than {max_bytes} bytes unpacked")
                file.write(chunk)
            os.fchmod(fd, entry.mode | 0o400)
        _set_time(path)
    # Last, so that no entry was written through one; and checked against each other now that all are known.
    for entry, target in links:
        os.symlink(target, directory.joinpath(*entry.parts))
    root = os.path.realpath(directory)
    for entry, _ in links:
        real = os.path.realpath(os.path.join(root, *entry.parts))
        if real != root and not real.startswith(root + "/"):
            for link, _ in links:
                directory.joinpath(*link.parts).unlink()
            raise BadArchive(f"a symbolic link that leads out: {entry.name!r}")
    for path, mode in reversed(directories):
        path.chmod(mode)
        _set_time(path)
    return Unpacked(len(entries), total)


def _link_target(entry: _Entry, content: bytes) -> str:
    try:
        target = content.decode()
    except UnicodeDecodeError as error:
        raise BadArchive(f"a symbolic link to no name: {entry.name!r}") from error
    if len(content) > _LONGEST_LINK or _leads_out(entry.parts, target):
        raise BadArchive(f"a symbolic link that leads out: {entry.name!r}")
    return target


def _set_time(path: Path) -> None:
    os.utime(path, (315532800, 315532800), follow_symlinks=False)
