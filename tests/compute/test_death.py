"""Whatever ends the jar, nothing that it started outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from laboratory import processes_with, wait_for_end

JAR = """
import asyncio, sys
from pathlib import Path
from cloudjar.compute.driver import Unsupported
from cloudjar.compute.process import Process
from cloudjar.compute.sandbox import Sandbox
from cloudjar.compute.spec import Limits, Spec

async def main(name, directory, marker, rounds):
    driver = Sandbox() if name == "sandbox" else Process(Path(directory))
    if not driver.probe().available:
        print("skip", driver.probe().why, flush=True)
        return
    script = f"trap '' TERM HUP; setsid sleep {marker} & (setsid sh -c 'sleep {marker}; true' &); sleep {marker}"
    async def network():
        try:
            made = await driver.network()
        except Unsupported:
            made = None
        return made.id if made else "host"
    async def start(n):
        limits = Limits(memory_bytes=64 << 20)
        env = {"PATH": "/usr/bin:/bin"}
        spec = Spec(id=str(n), argv=("/bin/sh", "-c", script), env=env, network=await network(), limits=limits)
        await driver.start(spec, lambda *_: None)
    seen = asyncio.Event()
    if rounds:
        print("ready", flush=True)
        n = 0
        while True:
            await asyncio.gather(*(start(n + k) for k in range(3)))
            await asyncio.gather(*(driver.kill(str(n + k)) for k in range(3)))
            n += 3
    for n in range(3):
        await start(n)
    print("ready", flush=True)
    await seen.wait()

asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4] == "busy"))
"""


def start_jar(name: str, directory: Path, marker: str, how: str) -> subprocess.Popen[bytes]:
    jar = subprocess.Popen([sys.executable, "-c", JAR, name, str(directory), marker, how], stdout=subprocess.PIPE)
    assert jar.stdout is not None
    line = jar.stdout.readline()
    if line.startswith(b"skip"):
        jar.wait()
        pytest.skip(line.decode())
    assert line == b"ready\n"
    return jar


def kill_and_wait(jar: subprocess.Popen[bytes], number: int) -> None:
    """Kill the jar, and wait for everything below it."""
    below: set[int] = set()
    todo = [jar.pid]
    while todo:
        pid = todo.pop()
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            continue
        below.update(map(int, children))
        todo += map(int, children)
    pidfds = []
    for pid in below:
        try:
            pidfds.append(os.pidfd_open(pid))
        except ProcessLookupError:
            continue
    jar.send_signal(number)
    jar.wait()
    if jar.stdout is not None:
        jar.stdout.close()
    assert pidfds
    wait_for_end(pidfds)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
@pytest.mark.parametrize("name", ["sandbox", "process"])
def test_nothing_outlives_a_jar_that_is_killed(name: str, number: signal.Signals, tmp_path: Path) -> None:
    marker = f"41{uuid.uuid4().int % 10**9}"
    jar = start_jar(name, tmp_path, marker, "calm")
    while len(processes_with(f"sleep\0{marker}")) < 9:
        assert jar.poll() is None
    kill_and_wait(jar, number)
    assert processes_with(marker) == []


@pytest.mark.parametrize("name", ["sandbox", "process"])
def test_nothing_outlives_a_jar_that_is_killed_in_the_middle_of_starting(name: str, tmp_path: Path) -> None:
    for _ in range(6):
        marker = f"42{uuid.uuid4().int % 10**9}"
        jar = start_jar(name, tmp_path, marker, "busy")
        while not processes_with(f"sleep\0{marker}"):
            assert jar.poll() is None
        kill_and_wait(jar, signal.SIGKILL)
        assert processes_with(marker) == []


@pytest.mark.parametrize("name", ["sandbox", "process"])
def test_the_next_jar_sweeps_what_a_killed_one_left(name: str, tmp_path: Path) -> None:
    def leftovers() -> list[Path]:
        groups = list(Path("/sys/fs/cgroup").rglob(f"cloudjar-{jar.pid}-*"))
        return groups + list(tmp_path.glob(f"cloudjar-{jar.pid}-*"))

    marker = f"43{uuid.uuid4().int % 10**9}"
    jar = start_jar(name, tmp_path, marker, "calm")
    if not leftovers():
        jar.kill()
        pytest.skip("no control groups here, and no directories")
    kill_and_wait(jar, signal.SIGKILL)
    following = start_jar(name, tmp_path, marker, "calm")
    try:
        assert not leftovers()
    finally:
        kill_and_wait(following, signal.SIGTERM)
