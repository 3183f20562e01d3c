"""Disks of a limited size: how much they hold, for whom, and that nothing of them stays."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop
from laboratory import Laboratory

from cloudjar.compute import disks
from cloudjar.compute.disks import Disk
from cloudjar.compute.sandbox import Sandbox
from cloudjar.compute.spec import Mount

MIB = 1 << 20


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Laboratory]:
    driver = Sandbox(directory=tmp_path / "disks")
    if "disk" not in driver.probe().enforces:
        pytest.skip(f"no disks here: {disks.why_not()}")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        it = Laboratory(driver, runner)
        yield it
        it.wait(driver.close())


def take(lab: Laboratory, size: int) -> Disk:
    disk = lab.wait(lab.driver.disk(size))
    assert disk is not None
    return disk


def fill(lab: Laboratory, disk: Disk) -> int:
    """How many bytes of zeros go on it."""
    mounts = (Mount(disk.path, "/mnt", writable=True),)
    script = "cat /dev/zero > /mnt/a; cat /dev/zero > /mnt/b; wc -c < /mnt/a; ls -A /mnt; rm /mnt/*; echo again > /mnt/c"
    _, started = lab.run("/bin/sh", "-c", script, mounts=mounts)
    assert "No space left" in started.text("stderr")
    return int(started.text().split()[0])


@pytest.mark.parametrize("size", [20 * MIB, 64 * MIB])
def test_it_holds_what_was_asked_for_and_little_more(lab: Laboratory, size: int) -> None:
    assert size <= fill(lab, take(lab, size)) < size + disks._OVERHEAD


def test_each_is_empty_and_its_own(lab: Laboratory) -> None:
    first, second = take(lab, 20 * MIB), take(lab, 20 * MIB)
    for disk in (first, second):
        mounts = (Mount(disk.path, "/mnt", writable=True),)
        assert lab.shell("ls -A /mnt; echo x > /mnt/x; ls -A /mnt", mounts=mounts) == "x"
    lab.wait(first.close())
    lab.wait(second.close())
    assert lab.shell("ls -A /mnt", mounts=(Mount(take(lab, 20 * MIB).path, "/mnt"),)) == ""


def test_neither_devices_nor_set_user_id_programs_work_there(lab: Laboratory) -> None:
    options = lab.shell("grep ' /mnt ' /proc/mounts", mounts=(Mount(take(lab, 20 * MIB).path, "/mnt", writable=True),)).split()[3]
    assert {"nosuid", "nodev"} <= set(options.split(","))


def test_the_host_sees_nothing_of_it_and_nothing_stays(lab: Laboratory) -> None:
    disk = take(lab, 20 * MIB)
    lab.shell("echo x > /mnt/x", mounts=(Mount(disk.path, "/mnt", writable=True),))
    assert list(Path(disk.path).iterdir()) == []
    assert disk.path not in Path("/proc/self/mounts").read_text()
    assert not list(Path(disk.path).parent.glob("*.image"))
    lab.wait(disk.close())
    assert not Path(disk.path).exists()


def test_another_jars_leftovers_are_swept(lab: Laboratory, tmp_path: Path) -> None:
    (tmp_path / "disks" / "7").mkdir(parents=True)
    (tmp_path / "disks" / "7.image").write_bytes(b"x")
    take(lab, 20 * MIB)
    assert not (tmp_path / "disks" / "7.image").exists()


def test_the_end_leaves_no_directory(tmp_path: Path) -> None:
    driver = Sandbox(directory=tmp_path / "disks")
    if "disk" not in driver.probe().enforces:
        pytest.skip(f"no disks here: {disks.why_not()}")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        lab = Laboratory(driver, runner)
        take(lab, 20 * MIB)
        lab.wait(driver.close())
    assert list(tmp_path.iterdir()) == []
