"""Worlds: forks, snapshots, exports, blobs."""

import asyncio
import tarfile
from contextlib import contextmanager

import pytest
from worlds import Host, Note

from cloudjar.kernel.blobs import INLINE_BYTES, BlobStore
from cloudjar.kernel.worlds import WorldProblem, Worlds


@contextmanager
def opened(directory):
    async def make():
        return Worlds(directory, BlobStore(directory / "blobs"), Host())

    with asyncio.Runner() as runner:
        worlds = runner.run(make())
        worlds.run = runner.run

        def do(function, *args):
            async def call():
                return function(*args)

            return runner.run(call())

        worlds.do = do
        yield worlds
        runner.run(worlds.close())


@pytest.fixture
def worlds(tmp_path):
    with opened(tmp_path) as worlds:
        yield worlds


def put(world, name, data=b""):
    with world.reading() as ctx:
        blob = ctx.blobs.put(data)
        ctx.put(Note(name, ctx.now, blob=blob.id))
        return blob


def names(world):
    with world.reading() as ctx:
        return [note.name for note in ctx.where(Note)]


def test_a_fork_has_everything_and_then_goes_its_own_way(worlds):
    parent = worlds.do(worlds.open, "default")
    put(parent, "before")
    child = worlds.do(worlds.fork, "default", "child")
    put(child, "in the child")
    put(parent, "in the parent")
    assert names(child) == ["before", "in the child"]
    assert names(parent) == ["before", "in the parent"]
    assert worlds.info("child").parent == "default"
    assert worlds.names() == ["child", "default"]


def test_a_frozen_clock_goes_with_the_fork(worlds):
    parent = worlds.do(worlds.open, "default")
    worlds.do(lambda: parent.set_clock(parent.clock.moved(world=1000.0, rate=0)))
    child = worlds.do(worlds.fork, "default", "child")
    assert child.clock.now() == parent.clock.now()


def test_a_restored_world_is_as_it_was_saved(worlds):
    world = worlds.do(worlds.open, "default")
    put(world, "kept")
    worlds.do(worlds.save, "default", "monday")
    put(world, "lost")
    world = worlds.run(worlds.restore("default", "monday"))
    assert names(world) == ["kept"]
    assert worlds.snapshots() == ["monday"]
    worlds.drop_snapshot("monday")
    with pytest.raises(WorldProblem, match="monday"):
        worlds.run(worlds.restore("default", "monday"))
    assert names(world) == ["kept"]


def test_a_dropped_world_is_gone_and_its_name_is_free(worlds):
    put(worlds.do(worlds.open, "child"), "note")
    worlds.run(worlds.drop("child"))
    assert "child" not in worlds.names()
    assert names(worlds.do(worlds.open, "child")) == []


def test_a_world_travels_in_one_file_with_its_blobs(worlds, tmp_path):
    world = worlds.do(worlds.open, "default")
    blob = put(world, "big", b"x" * (INLINE_BYTES + 1))
    worlds.do(worlds.export, "default", tmp_path / "world.tar")
    with opened(tmp_path / "elsewhere") as others:
        copy = others.do(others.import_, tmp_path / "world.tar", "copy")
        assert names(copy) == ["big"]
        assert others.blobs.read(blob) == b"x" * (INLINE_BYTES + 1)


@pytest.mark.parametrize("name", ["../../evil", "/etc/passwd", "blobs/../x", "blobs/" + "g" * 32])
def test_a_hostile_file_is_refused_and_leaves_nothing(worlds, tmp_path, name):
    hostile = tmp_path / "hostile.tar"
    (tmp_path / "payload").write_bytes(b"x")
    with tarfile.open(hostile, "w") as tar:
        tar.add(tmp_path / "payload", name)
    with pytest.raises(WorldProblem, match="not an exported world"):
        worlds.do(worlds.import_, hostile, "evil")
    assert "evil" not in worlds.names()


@pytest.mark.parametrize("name", ["", "..", "a/b", "-x", "x" * 65, "a b"])
def test_a_name_that_is_no_name_is_refused(worlds, name):
    with pytest.raises(WorldProblem):
        worlds.do(worlds.open, name)


def test_a_sweep_removes_only_blobs_that_no_world_or_snapshot_holds(worlds):
    world = worlds.do(worlds.open, "default")
    kept = put(world, "kept", b"k" * 10_000)
    saved = put(world, "saved", b"s" * 10_000)
    worlds.do(worlds.save, "default", "snap")
    lost = put(world, "lost", b"l" * 10_000)
    with world.reading() as ctx:
        for name in ("saved", "lost"):
            ctx.delete(ctx.get(Note, name))
    assert worlds.sweep_blobs(older_than=float("inf")) == 1
    assert worlds.blobs.path(kept).exists()
    assert worlds.blobs.path(saved).exists()
    assert not worlds.blobs.path(lost).exists()


def test_an_abandoned_blob_leaves_nothing(tmp_path):
    store = BlobStore(tmp_path)
    writer = store.writer()
    writer.write(b"x" * 10_000)
    writer.abort()
    assert list(store.incoming.iterdir()) == []


@pytest.mark.parametrize("size", [0, 1, INLINE_BYTES, INLINE_BYTES + 1, 3 * INLINE_BYTES])
def test_a_blob_reads_back_whole_and_in_part(tmp_path, size):
    store = BlobStore(tmp_path)
    data = bytes(i % 251 for i in range(size))
    writer = store.writer()
    for start in range(0, size, 1000):
        writer.write(data[start : start + 1000])
    blob = writer.finish()
    assert blob.size == size
    assert store.read(blob) == data
    assert store.read(blob, 3, 10) == data[3:10]
