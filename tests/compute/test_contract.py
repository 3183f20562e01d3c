"""What every driver does. Each test runs with each driver."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from pathlib import Path

import pytest
from laboratory import PATH, Laboratory, laboratory, needs, processes_with

from cloudjar.compute.driver import AlreadyRunning, NotRunning, StartFailed
from cloudjar.compute.spec import BadSpec, Limits, Mount, Spec

MIB = 1 << 20
# In a language that every Debian has: allocate and touch megabytes.
EAT = "my @a; for (1..%d) { push @a, 'x' x 1048576 } print 'ate'"


def test_a_program_gets_its_arguments_as_they_are(lab: Laboratory) -> None:
    _, started = lab.run("/usr/bin/printf", "<%s>\n", "a b", "", "*", "$HOME", "ü\t'\"")
    assert started.text() == "<a b>\n<>\n<*>\n<$HOME>\n<ü\t'\"\u003e"


def test_a_program_gets_the_environment_of_its_spec_and_nothing_else(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-host")
    env = {"A": "1", "B": "two words", "LD_LIBRARY_PATH": "/opt/none", "E": "", "PATH": "/usr/bin:/bin"}
    _, started = lab.run("/usr/bin/env", env=env, tmpfs=())
    seen = dict(line.split("=", 1) for line in started.text().splitlines())
    seen.pop("PWD", None)
    assert seen == env


def test_a_program_starts_in_its_directory(lab: Laboratory, tmp_path: Path) -> None:
    task = tmp_path / "task"
    task.mkdir(mode=0o755)
    (task / "here").write_text("")
    assert lab.shell("ls", cwd="/var/task", mounts=(Mount(str(task), "/var/task"),)).split() == ["here"]


def test_a_program_of_a_mount_runs_by_its_path_inside(lab: Laboratory, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "bootstrap").write_text("#!/bin/sh\necho started\n")
    (tmp_path / "bootstrap").chmod(0o755)
    _, started = lab.run("/var/task/bootstrap", mounts=(Mount(str(tmp_path), "/var/task"),))
    assert started.text() == "started"


def test_lines_of_both_streams_come_in_order_with_numbers(lab: Laboratory) -> None:
    _, started = lab.run("/bin/sh", "-c", "echo one; echo two; echo three >&2; printf four")
    assert [line.number for line in started.lines] == [1, 2, 3, 4]
    assert started.text() == "one\ntwo\nfour"
    assert started.text("stderr") == "three"


def test_output_that_comes_right_before_the_end_is_not_lost(lab: Laboratory) -> None:
    exit, started = lab.run("/usr/bin/perl", "-e", "print 'x' x 99, \"\\n\" for 1..20000")
    assert exit.code == 0
    assert len(started.lines) == 20000


def test_a_line_without_end_comes_in_pieces(lab: Laboratory) -> None:
    _, started = lab.run("/usr/bin/head", "-c", str(2 * MIB), "/dev/zero")
    assert sum(len(line.text) for line in started.lines) == 2 * MIB
    assert max(len(line.text) for line in started.lines) <= 256 * 1024


@pytest.mark.parametrize("code", [0, 1, 3, 126, 127, 255])
def test_an_exit_code_is_reported(lab: Laboratory, code: int) -> None:
    exit, _ = lab.run("/bin/sh", "-c", f"exit {code}")
    assert (exit.code, exit.signal, exit.oom, exit.failure) == (code, None, False, "")


@pytest.mark.parametrize("number", [6, 9, 11, 15])
def test_the_signal_that_ended_a_program_is_reported(lab: Laboratory, number: int) -> None:
    exit, _ = lab.run("/bin/sh", "-c", f"kill -{number} $$")
    assert (exit.code, exit.signal) == (None, number)


def test_a_program_that_is_not_there_exits_with_127_as_in_a_shell(lab: Laboratory) -> None:
    exit, started = lab.run("/no/such/program")
    assert exit.code == 127
    assert "No such file" in started.text("stderr")


def test_a_file_that_is_not_executable_exits_with_126_as_in_a_shell(lab: Laboratory, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "bootstrap").write_text("#!/bin/sh\n")
    exit, started = lab.run("/var/task/bootstrap", mounts=(Mount(str(tmp_path), "/var/task"),))
    assert exit.code == 126
    assert "Permission denied" in started.text("stderr")


def test_a_missing_mount_fails_the_start_and_frees_the_id(lab: Laboratory) -> None:
    with pytest.raises(StartFailed, match="no such file"):
        lab.run("/bin/true", id="x", mounts=(Mount("/no/such/source", "/var/task"),))
    assert lab.run("/bin/true", id="x")[0].code == 0


@pytest.mark.parametrize(
    "fields",
    [{"argv": ()}, {"argv": ("a\0b",)}, {"cwd": "tmp"}, {"env": {"A=B": "c"}}, {"env": {"A": "\0"}},
     {"mounts": (Mount("/usr", "/a/../b"),)},
     {"limits": Limits(memory_bytes=-1)}, {"network": "moon"}, {"files": {"etc/x": b""}}],
)  # fmt: skip
def test_a_spec_that_makes_no_sense_is_refused(lab: Laboratory, fields: dict) -> None:
    spec = Spec(**{"id": "bad", "argv": ("/bin/true",), **fields})
    with pytest.raises(BadSpec):
        lab.wait(lab.driver.start(spec, lambda *_: None))
    assert lab.driver.list() == []


def test_stop_lets_a_program_end_by_itself(lab: Laboratory) -> None:
    async def story() -> None:
        started = await lab.start("/bin/sh", "-c", "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done")
        await started.says("ready")
        exit = await lab.driver.stop(started.id, grace_seconds=30)
        assert exit.code == 7
        assert await started.exit == exit
        assert started.text().endswith("bye")

    lab.wait(story())


def test_stop_kills_what_does_not_heed_it(lab: Laboratory) -> None:
    async def story() -> None:
        started = await lab.start("/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.01; done")
        await started.says("ready")
        exit = await lab.driver.stop(started.id, grace_seconds=0.05)
        assert exit.signal == 9

    lab.wait(story())


def test_kill_ends_the_whole_tree_even_what_has_left_its_session(lab: Laboratory) -> None:
    marker = f"31{uuid.uuid4().int % 10**9}"

    async def story() -> None:
        script = f"sleep {marker} & setsid setsid sleep {marker} & (setsid sleep {marker} &) ; echo ready; wait"
        started = await lab.start("/bin/sh", "-c", script)
        await started.says("ready")
        assert (await lab.driver.kill(started.id)).signal == 9

    lab.wait(story())
    assert processes_with(marker) == []


def test_the_end_of_a_program_is_the_end_of_its_children(lab: Laboratory) -> None:
    marker = f"32{uuid.uuid4().int % 10**9}"
    exit, _ = lab.run("/bin/sh", "-c", f"setsid sleep {marker} & exit 5")
    assert exit.code == 5
    assert processes_with(marker) == []


def test_memory_beyond_the_limit_is_an_oom_kill(lab: Laboratory) -> None:
    needs(lab, "memory")
    exit, started = lab.run("/usr/bin/perl", "-e", EAT % 100, limits=Limits(memory_bytes=48 * MIB))
    assert (exit.signal, exit.oom) == (9, True)
    assert "ate" not in started.text()


def test_memory_below_the_limit_is_no_matter_and_the_peak_is_told(lab: Laboratory) -> None:
    needs(lab, "memory")
    exit, started = lab.run("/usr/bin/perl", "-e", EAT % 40, limits=Limits(memory_bytes=128 * MIB))
    assert (exit.code, exit.oom, started.text()) == (0, False, "ate")
    assert exit.peak_memory_bytes is not None and 40 * MIB < exit.peak_memory_bytes < 128 * MIB


def test_the_memory_limit_holds_for_the_whole_tree(lab: Laboratory) -> None:
    needs(lab, "memory")
    script = 'for i in 1 2 3 4; do perl -e "$0; sleep 1" & done; wait'
    exit, _ = lab.run("/bin/sh", "-c", script, EAT % 30, limits=Limits(memory_bytes=64 * MIB))
    assert exit.oom


def test_no_more_processes_than_the_limit_can_be_started(lab: Laboratory) -> None:
    needs(lab, "processes")
    script = "$|=1; my $n = 0; while ($n < 50) { my $p = fork(); last unless defined $p; if (!$p) { sleep 100; exit } $n++ } print $n"
    exit, started = lab.run("/usr/bin/perl", "-e", script, limits=Limits(processes=10))
    assert exit.code == 0
    assert started.text() == "9"


def test_a_fork_bomb_can_be_killed(lab: Laboratory) -> None:
    needs(lab, "processes")
    marker = f"bomb{uuid.uuid4().hex}"

    async def story() -> None:
        bomb = "$|=1; print qq(ready\\n); while (1) { fork() }"
        started = await lab.start("/usr/bin/perl", "-e", bomb, marker, limits=Limits(processes=40))
        await started.says("ready")
        await lab.driver.kill(started.id)

    lab.wait(story())
    assert processes_with(marker) == []


def test_no_file_grows_beyond_the_limit(lab: Laboratory) -> None:
    exit, _ = lab.run("/bin/sh", "-c", 'exec head -c 100000 /dev/zero > "${TMPDIR:-/tmp}/big"', limits=Limits(file_bytes=4096))
    assert exit.signal == 25  # SIGXFSZ


def test_no_more_files_than_the_limit_are_open(lab: Laboratory) -> None:
    assert lab.shell("ulimit -n; ulimit -c", limits=Limits(open_files=77)) == "77\n0"


def test_tmp_is_writable_and_starts_empty(lab: Laboratory) -> None:
    script = 'cd "${TMPDIR:-/tmp}"; ls -A; echo hello > a; cat a'
    assert lab.shell(script) == "hello"
    assert lab.shell(script) == "hello"


def test_a_writable_mount_keeps_what_is_written(lab: Laboratory, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    lab.shell("echo kept > file", cwd="/mnt/efs", mounts=(Mount(str(shared), "/mnt/efs", writable=True),))
    assert (shared / "file").read_text() == "kept\n"


def test_a_file_of_the_spec_can_be_read(lab: Laboratory) -> None:
    _, started = lab.run("/bin/cat", "/etc/cloudjar/greeting", files={"/etc/cloudjar/greeting": b"hello\n"})
    assert started.text() == "hello"


def test_a_path_inside_a_mount_has_a_real_name(lab: Laboratory, tmp_path: Path) -> None:
    async def story() -> None:
        started = await lab.start("/bin/sleep", "1000", mounts=(Mount(str(tmp_path), "/var/task"),))
        assert lab.driver.real_path(started.id, "/var/task/a/b") == f"{tmp_path}/a/b"
        with pytest.raises(KeyError):
            lab.driver.real_path(started.id, "/var/tasks")

    lab.wait(story())


def test_exec_runs_beside_the_program_with_its_environment_and_files(lab: Laboratory, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "f").write_text("content")

    async def story() -> None:
        mounts = (Mount(str(tmp_path), "/opt/layer"),)
        started = await lab.start("/bin/sleep", "1000", env={**PATH, "A": "1", "LD_B": "2"}, mounts=mounts, cwd="/opt/layer")
        done = await lab.driver.exec(started.id, ["/bin/sh", "-c", "echo $A $LD_B $C; cat f; echo oops >&2; exit 4"], env={"C": "3"})
        assert (done.exit.code, done.stdout, done.stderr) == (4, b"1 2 3\ncontent", b"oops\n")

    lab.wait(story())


def test_exec_ends_with_the_program_that_it_runs_beside(lab: Laboratory) -> None:
    marker = f"33{uuid.uuid4().int % 10**9}"

    async def story() -> None:
        started = await lab.start("/bin/sleep", "1000")
        beside = asyncio.ensure_future(lab.driver.exec(started.id, ["/bin/sh", "-c", f"sleep {marker} & wait"]))
        while not processes_with(marker):
            await asyncio.sleep(0)
        await lab.driver.kill(started.id)
        assert (await beside).exit.code != 0

    lab.wait(story())
    assert processes_with(marker) == []


def test_a_cancelled_exec_leaves_no_process(lab: Laboratory) -> None:
    marker = f"34{uuid.uuid4().int % 10**9}"

    async def story() -> None:
        started = await lab.start("/bin/sleep", "1000")
        beside = asyncio.ensure_future(lab.driver.exec(started.id, ["/bin/sleep", marker]))
        while not processes_with(f"sleep\0{marker}", "sleep"):
            await asyncio.sleep(0)
        beside.cancel()
        while processes_with(marker):
            await asyncio.sleep(0)
        assert [handle.id for handle in lab.driver.list()] == [started.id]

    lab.wait(story())


def test_logs_are_kept_while_it_runs_from_a_number_on(lab: Laboratory) -> None:
    async def story() -> None:
        started = await lab.start("/bin/sh", "-c", "for i in 1 2 3 4; do echo line $i; done; echo ready; exec sleep 1000", log_bytes=20)
        await started.says("ready")
        assert [line.text for line in lab.driver.logs(started.id, after=4)] == [b"ready"]
        assert [line.number for line in lab.driver.logs(started.id)] == [3, 4, 5]

    lab.wait(story())


def test_what_runs_is_listed_until_it_ends(lab: Laboratory) -> None:
    async def story() -> None:
        first, second = await lab.start("/bin/sleep", "1000"), await lab.start("/bin/sleep", "1000")
        assert lab.driver.list() == [first.handle, second.handle]
        with pytest.raises(AlreadyRunning):
            await lab.start("/bin/true", id=first.id)
        await lab.driver.kill(first.id)
        assert lab.driver.list() == [second.handle]

    lab.wait(story())


def test_what_does_not_run_cannot_be_asked_for_anything(lab: Laboratory) -> None:
    driver = lab.driver
    for call in (lambda: driver.stop("no", 1), lambda: driver.kill("no"), lambda: driver.exec("no", ["true"]), lambda: driver.freeze("no")):
        with pytest.raises(NotRunning):
            lab.wait(call())
    for ask in (driver.logs, driver.address, driver.usage):
        with pytest.raises(NotRunning):
            ask("no")


def test_what_is_frozen_does_nothing_until_it_is_thawed(lab: Laboratory) -> None:
    needs(lab, "memory")

    async def story() -> None:
        started = await lab.start("/bin/sh", "-c", "while :; do echo tick; done")
        await started.says("tick")
        await lab.driver.freeze(started.id)
        # What it had written before is still in the pipe: it is read to the end once it can write no more.
        count = -1
        while count != len(started.lines):
            count = len(started.lines)
            for _ in range(100):
                await asyncio.sleep(0)
        await lab.driver.thaw(started.id)
        while len(started.lines) == count:
            await asyncio.sleep(0)

    lab.wait(story())


def test_what_is_frozen_can_be_killed(lab: Laboratory) -> None:
    needs(lab, "memory")

    async def story() -> None:
        started = await lab.start("/bin/sleep", "1000")
        await lab.driver.freeze(started.id)
        assert (await lab.driver.kill(started.id)).signal == 9

    lab.wait(story())


def test_usage_tells_memory(lab: Laboratory) -> None:
    needs(lab, "memory")

    async def story() -> None:
        started = await lab.start("/usr/bin/perl", "-e", "$|=1; $a='x' x 20000000; print qq(ready\\n); sleep 1000")
        await started.says("ready")
        usage = lab.driver.usage(started.id)
        assert usage.peak_memory_bytes is not None and usage.memory_bytes is not None
        assert usage.peak_memory_bytes >= usage.memory_bytes > 18 * MIB

    lab.wait(story())


def test_close_ends_all_and_leaves_nothing(lab: Laboratory) -> None:
    marker = f"35{uuid.uuid4().int % 10**9}"

    async def story() -> None:
        several = [await lab.start("/bin/sleep", marker) for _ in range(5)]
        await lab.driver.close()
        assert all(started.exit.done() for started in several)

    lab.wait(story())
    assert processes_with(marker) == []


def test_no_descriptor_of_the_jar_is_open_inside(lab: Laboratory) -> None:
    secret = os.open("/", os.O_RDONLY)
    os.set_inheritable(secret, True)
    try:
        # 3 is the one that ls itself reads the directory with.
        assert lab.shell("ls /proc/self/fd").split() == ["0", "1", "2", "3"]
    finally:
        os.close(secret)


def test_hundreds_of_starts_leave_nothing_behind(lab: Laboratory) -> None:
    async def one(number: int) -> None:
        started = await lab.start("/bin/echo", str(number), limits=Limits(memory_bytes=64 * MIB, processes=20))
        assert (await started.exit).code == 0
        assert started.text() == str(number)

    async def story() -> tuple[int, int]:
        await one(0)
        before = len(os.listdir("/proc/self/fd"))
        for start in range(0, 200, 8):
            await asyncio.gather(*(one(start + n) for n in range(8)))
        return before, len(os.listdir("/proc/self/fd"))

    before, after = lab.wait(story())
    assert after <= before
    groups = lab.driver.cgroups  # type: ignore[attr-defined]
    homes = list(groups.homes.values())
    # One may wait to be removed, and one is the seat of the next start.
    assert all(len([path for path in home.iterdir() if path.is_dir()]) <= 2 for home in homes)
    lab.wait(lab.driver.close())
    assert not any(home.exists() for home in homes)


def test_a_driver_works_on_a_plain_asyncio_loop(tmp_path: Path) -> None:
    for name in ("process", "sandbox"):
        with laboratory(name, tmp_path / "run", asyncio.new_event_loop) as lab:
            assert lab.shell("echo hello") == "hello"


def test_a_cancelled_start_leaves_no_process(lab: Laboratory) -> None:
    marker = f"37{uuid.uuid4().int % 10**9}"

    async def story() -> None:
        for steps in range(12):
            starting = asyncio.ensure_future(lab.start("/bin/sleep", marker, id="x"))
            for _ in range(steps):
                await asyncio.sleep(0)
            starting.cancel()
            await asyncio.wait([starting])
            if not starting.cancelled():
                await lab.driver.kill("x")
            while lab.driver.list():
                await asyncio.sleep(0)
        # Whatever came before it in the guard's queue is over when this one is.
        assert (await (await lab.start("/bin/true")).exit).code == 0
        while processes_with(marker):
            await asyncio.sleep(0)

    lab.wait(story())


def test_limits_that_the_kernel_refuses_fail_the_start(lab: Laboratory) -> None:
    needs(lab, "processes")
    with pytest.raises(StartFailed):
        lab.run("/bin/true", limits=Limits(processes=10**30))
    assert lab.run("/bin/true", limits=Limits(processes=10))[0].code == 0


def test_a_driver_can_be_prepared_before_its_first_start_and_again(lab: Laboratory) -> None:
    async def story() -> None:
        lab.driver.prepare()
        lab.driver.prepare()
        started = await lab.start("/bin/echo", "hello", limits=Limits(memory_bytes=64 * MIB))
        assert (await started.exit).code == 0
        lab.driver.prepare()
        assert started.text() == "hello"

    lab.wait(story())


def test_the_death_of_the_guard_ends_all_and_the_next_start_has_a_new_one(lab: Laboratory) -> None:
    marker = f"36{uuid.uuid4().int % 10**9}"

    async def story() -> None:
        started = await lab.start("/bin/sh", "-c", f"sleep {marker} & echo ready; wait")
        await started.says("ready")
        lab.driver.spawner._process.kill()  # type: ignore[attr-defined]
        assert (await started.exit).signal == 9
        while processes_with(marker):
            await asyncio.sleep(0)
        after = await lab.start("/bin/echo", "again")
        assert (await after.exit).code == 0

    lab.wait(story())


def test_this_python_runs_where_its_installation_is_mounted(lab: Laboratory) -> None:
    base = os.path.realpath(sys.base_prefix)
    mounts = () if base.startswith("/usr") else (Mount(base, base),)
    _, started = lab.run(os.path.realpath(sys.executable), "-I", "-c", "import json, ssl; print(json.dumps(1))", mounts=mounts)
    assert started.text() == "1", started.lines
