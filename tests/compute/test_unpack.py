"""Unpacking archives, hostile ones above all."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudjar.compute.unpack import ArchiveTooLarge, BadArchive, unpack


def archive(*entries: tuple[str, bytes] | tuple[str, bytes, int], compression: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    """A zip of (name, content, Unix mode), named exactly so."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as opened:
        for name, content, *mode in entries:
            info = zipfile.ZipInfo("x")
            info.filename = info.orig_filename = name
            info.create_system = 3
            info.compress_type = compression
            info.external_attr = (mode[0] if mode else stat.S_IFREG | 0o644) << 16
            opened.writestr(info, content)
    out.seek(0)
    return out


def tree(directory: Path) -> dict[str, tuple[int, str | bytes | None]]:
    """Every path below with its mode and content."""
    found: dict[str, tuple[int, str | bytes | None]] = {}
    for path in sorted(directory.rglob("*")):
        mode = path.lstat().st_mode
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(directory))] = (mode, content)
    return found


@pytest.fixture
def there(tmp_path: Path) -> Path:
    directory = tmp_path / "a" / "b" / "there"
    directory.mkdir(parents=True)
    return directory


def test_files_come_out_with_their_permissions(there: Path) -> None:
    done = unpack(archive(("bootstrap", b"#!/bin/sh\n", stat.S_IFREG | 0o755), ("lib/data.txt", b"d", stat.S_IFREG | 0o640)), there)
    assert (done.entries, done.bytes) == (2, 11)
    assert tree(there) == {
        "bootstrap": (stat.S_IFREG | 0o755, b"#!/bin/sh\n"),
        "lib": (stat.S_IFDIR | 0o755, None),
        "lib/data.txt": (stat.S_IFREG | 0o640, b"d"),
    }


def test_an_archive_without_permissions_gives_readable_files(there: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as opened:
        info = zipfile.ZipInfo("a.py")
        info.create_system, info.external_attr = 0, 0x20
        opened.writestr(info, "x")
    unpack(out, there)
    assert tree(there) == {"a.py": (stat.S_IFREG | 0o644, b"x")}


def test_no_file_gets_the_set_user_id_bit(there: Path) -> None:
    unpack(archive(("su", b"", stat.S_IFREG | 0o6755)), there)
    assert stat.S_IMODE((there / "su").stat().st_mode) == 0o755


def test_the_same_archive_gives_the_same_tree_to_the_second(there: Path, tmp_path: Path) -> None:
    data = archive(("d/", b"", stat.S_IFDIR | 0o755), ("d/a", b"1"), ("l", b"d/a", stat.S_IFLNK | 0o777))
    unpack(data, there)
    assert {path.lstat().st_mtime for path in there.rglob("*") if not path.is_symlink()} == {315532800}


def test_the_last_entry_of_a_name_counts(there: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = archive(("a", b"first"), ("a", b"second"), ("./a", b"third"))
    unpack(data, there)
    assert (there / "a").read_bytes() == b"third"


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "/etc/x", "\\x", "..\\x", "a\\..\\..\\x", "C:\\x", "C:/x", "a/..", "..", "n" * 256, "d/" * 2100 + "x"],
)
def test_a_name_that_leads_out_or_that_no_file_has_is_refused(there: Path, name: str) -> None:
    with pytest.raises(BadArchive):
        unpack(archive(("good", b"1"), (name, b"evil")), there)
    assert tree(there) == {}


@pytest.mark.parametrize("target", ["/etc/passwd", "../x", "a/../../x", "../there/../x", "", "x/" * 4000, "a\0b"])
def test_a_symbolic_link_that_leads_out_is_refused(there: Path, target: str) -> None:
    with pytest.raises(BadArchive):
        unpack(archive(("link", target.encode(), stat.S_IFLNK | 0o777)), there)


def test_links_that_lead_out_together_are_refused(there: Path) -> None:
    links = [("deep/er/link", b"../..", stat.S_IFLNK | 0o777), ("out", b"deep/er/link/../x", stat.S_IFLNK | 0o777)]
    with pytest.raises(BadArchive):
        unpack(archive(*links), there)


def test_a_symbolic_link_inside_is_kept(there: Path) -> None:
    unpack(archive(("lib/libx.so.1", b"so"), ("lib/libx.so", b"libx.so.1", stat.S_IFLNK | 0o777)), there)
    assert os.readlink(there / "lib/libx.so") == "libx.so.1"
    assert (there / "lib/libx.so").read_bytes() == b"so"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_nothing_is_written_through_a_symbolic_link(there: Path, tmp_path: Path) -> None:
    for evil in (("link/x", b"evil"), ("link", b"evil")):
        with pytest.raises(BadArchive):
            unpack(archive(("link", b"../..", stat.S_IFLNK | 0o777), evil, ("link/y", b"evil")), there)
    assert not (tmp_path / "a" / "x").exists()


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK])
def test_a_special_file_is_refused(there: Path, kind: int) -> None:
    with pytest.raises(BadArchive, match="neither"):
        unpack(archive(("x", b"", kind | 0o666)), there)


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a")])
def test_a_name_that_is_a_file_and_a_directory_is_refused(there: Path, names: tuple[str, str]) -> None:
    with pytest.raises(BadArchive):
        unpack(archive(*((name, b"") for name in names)), there)


def test_a_bomb_that_tells_its_size_is_refused_before_anything_is_written(there: Path) -> None:
    with pytest.raises(ArchiveTooLarge):
        unpack(archive(("bomb", b"\0" * 1_000_001)), there, max_bytes=1_000_000)
    assert tree(there) == {}


def test_a_bomb_that_lies_about_its_size_fills_nothing(there: Path) -> None:
    data = archive(("bomb", b"\0" * 3_000_000)).getvalue()
    lying = data.replace((3_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert lying != data
    with pytest.raises(BadArchive):
        unpack(io.BytesIO(lying), there, max_bytes=1_000_000)
    assert sum(path.stat().st_size for path in there.iterdir()) <= 1_000_000


def test_too_many_entries_are_refused(there: Path) -> None:
    with pytest.raises(ArchiveTooLarge):
        unpack(archive(*((str(n), b"") for n in range(11))), there, max_entries=10)


def test_an_encrypted_archive_is_refused(there: Path) -> None:
    data = bytearray(archive(("a", b"content")).getvalue())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(BadArchive):
        unpack(io.BytesIO(bytes(data)), there)


@pytest.mark.parametrize("data", [b"", b"PK", b"#!/bin/sh\n", b"PK\x05\x06" + b"\0" * 4, b"PK\x05\x06" + b"\xff" * 18])
def test_what_is_no_archive_is_refused(there: Path, data: bytes) -> None:
    with pytest.raises(BadArchive):
        unpack(io.BytesIO(data), there)


def test_a_file_whose_checksum_is_wrong_is_refused(there: Path) -> None:
    data = archive(("a", b"content"), compression=zipfile.ZIP_STORED).getvalue().replace(b"content", b"CONTENT")
    with pytest.raises(BadArchive):
        unpack(io.BytesIO(data), there)


NAMES = st.lists(st.sampled_from(["a", "b", "..", ".", "", "ü", "c\\d", " ", "CON"]), min_size=1, max_size=4).map("/".join)
KINDS = st.sampled_from([stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, 0, stat.S_IFIFO])
ENTRIES = st.lists(st.tuples(NAMES, st.one_of(NAMES.map(str.encode), st.binary(max_size=30)), KINDS), max_size=5)


def outside(base: Path, inside: Path) -> set[str]:
    return {str(path) for path in base.rglob("*") if inside not in (path, *path.parents)}


@settings(max_examples=300, deadline=None)
@given(entries=ENTRIES)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_whatever_the_names_are_nothing_outside_is_touched(tmp_path_factory: pytest.TempPathFactory, entries: list) -> None:
    base = tmp_path_factory.mktemp("base")
    there = base / "x" / "y"
    there.mkdir(parents=True)
    before = outside(base, there)
    try:
        unpack(archive(*((name, content, kind | 0o644) for name, content, kind in entries)), there)
    except BadArchive:
        pass
    assert outside(base, there) == before
    for path in there.rglob("*"):
        assert os.path.realpath(path) == str(there) or os.path.realpath(path).startswith(f"{there}/")


SEED = archive(("d/", b"", stat.S_IFDIR | 0o755), ("d/f", b"content " * 20), ("l", b"d/f", stat.S_IFLNK | 0o777)).getvalue()


@settings(max_examples=500, deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0, len(SEED) - 1), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.integers(0, len(SEED)),
)
def test_a_damaged_archive_is_a_bad_archive_or_a_good_one(tmp_path_factory: pytest.TempPathFactory, changes: list, cut: int) -> None:
    data = bytearray(SEED)
    for at, byte in changes:
        data[at] = byte
    base = tmp_path_factory.mktemp("base")
    there = base / "there"
    there.mkdir()
    try:
        unpack(io.BytesIO(bytes(data if cut % 3 else data[:cut])), there, max_bytes=10_000)
    except BadArchive:
        pass
    assert outside(base, there) == set()


@settings(max_examples=100, deadline=None)
@given(files=st.dictionaries(st.from_regex(r"[a-z]{1,3}(/[a-z]{1,3}){0,2}", fullmatch=True), st.binary(max_size=200), max_size=6))
def test_every_ordinary_archive_comes_out_as_it_went_in(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    files = {name: content for name, content in files.items() if not any(other.startswith(name + "/") for other in files)}
    there = tmp_path_factory.mktemp("there")
    done = unpack(archive(*files.items()), there)
    assert {name: content for name, (mode, content) in tree(there).items() if stat.S_ISREG(mode)} == files
    assert (done.entries, done.bytes) == (len(files), sum(map(len, files.values())))
