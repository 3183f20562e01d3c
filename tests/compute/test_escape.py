"""What a program in a sandbox must not be able to do."""

from __future__ import annotations

import os
import socket
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest
from laboratory import Laboratory, processes_with

from cloudjar.compute.spec import Limits, Mount, Tmpfs


def attempt(lab: Laboratory, script: str, **fields: object) -> str:
    """Everything that a shell script says, whether it succeeds or not."""
    _, started = lab.run("/bin/sh", "-c", script, **fields)
    return "\n".join(line.text.decode(errors="replace") for line in started.lines)


@pytest.mark.parametrize("path", ["/root", "/home", "/var", "/run", "/etc/shadow", "/etc/ssl/private", "/sys", "/boot", "/mnt", "/work"])
def test_a_place_of_the_host_is_not_there(sandbox: Laboratory, path: str) -> None:
    assert "No such file" in attempt(sandbox, f"ls -d {path}")


def test_the_root_file_system_cannot_be_written(sandbox: Laboratory, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    mounts = (Mount(str(tmp_path), "/var/task"),)
    for place in ("/x", "/usr/x", "/etc/x", "/dev/x", "/proc/x", "/var/x", "/var/task/x", "/etc/passwd"):
        said = attempt(sandbox, f"echo > {place}", mounts=mounts)
        assert "Read-only file system" in said or "Permission denied" in said or "nonexistent" in said, (place, said)
    assert list(tmp_path.glob("x")) == []


def test_the_files_of_another_spec_are_not_there(sandbox: Laboratory, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir(mode=0o755)
    (secret / "key").write_text("s3cr3t")

    async def story() -> None:
        other = await sandbox.start("/bin/sleep", "1000", mounts=(Mount(str(secret), "/var/task"),), env={"KEY": "s3cr3t"})
        script = "cat /proc/*/environ /var/task/key /proc/*/root/var/task/key; grep -rs s3cr3t /proc/*/cmdline /tmp /dev; ls /proc/*/cwd/"
        spy = await sandbox.start("/bin/sh", "-c", script)
        await spy.exit
        assert "s3cr3t" not in spy.text()
        await sandbox.driver.kill(other.id)

    sandbox.wait(story())


def test_no_process_of_the_host_is_seen_or_signalled(sandbox: Laboratory) -> None:
    pids = [int(pid) for pid in sandbox.shell("cd /proc; echo [0-9]*").split()]
    assert max(pids) < 20
    assert "No such process" in attempt(sandbox, f"/bin/kill -9 {os.getpid()}") or os.getpid() < 20


def test_a_program_has_no_capabilities_and_gains_none(sandbox: Laboratory) -> None:
    status = dict(line.split(":\t", 1) for line in sandbox.shell("cat /proc/self/status").splitlines() if ":\t" in line)
    assert status["Uid"].split() == ["993"] * 4
    assert status["Gid"].split() == ["990"] * 4
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[name], 16) == 0, name
    assert status["NoNewPrivs"] == "1"


ACTS_OF_ROOT = ["mount -t tmpfs x /tmp", "chroot / true", "mknod /tmp/sda b 8 0", "hostname evil", "umount /proc", "su -c true"]


@pytest.mark.parametrize("command", ACTS_OF_ROOT)
def test_an_act_of_root_is_refused(sandbox: Laboratory, command: str) -> None:
    exit, started = sandbox.run("/bin/sh", "-c", command, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    assert exit.code not in (0, None), started.lines


def test_a_user_namespace_of_its_own_uncovers_nothing(sandbox: Laboratory) -> None:
    acts = "umount -l /proc; umount -l /etc/ssl/certs; umount -l /usr; mount -o remount,rw / && touch /x && echo wrote; ls -d /home /work"
    said = attempt(sandbox, f"unshare -Urm sh -c '{acts}; echo over'")
    assert "wrote" not in said
    assert "\n/home" not in said and "\n/work" not in said


def test_the_kernels_switches_cannot_be_turned(sandbox: Laboratory) -> None:
    before = Path("/proc/sys/kernel/core_pattern").read_text()
    attempt(sandbox, "echo '|/tmp/evil' > /proc/sys/kernel/core_pattern; echo c > /proc/sysrq-trigger")
    assert Path("/proc/sys/kernel/core_pattern").read_text() == before


def test_a_preloaded_library_has_no_root_to_use(sandbox: Laboratory, tmp_path: Path) -> None:
    """LD_PRELOAD is the caller's to set: it must not reach what still is root on the program's behalf."""
    source = tmp_path / "evil.c"
    task = tmp_path / "task"
    task.mkdir(mode=0o777)
    task.chmod(0o777)
    source.write_text(
        '#include <stdio.h>\n#include <unistd.h>\n__attribute__((constructor)) void f() { dprintf(2, "uid=%d\\n", getuid()); }\n'
    )
    if subprocess.run(["cc", "-shared", "-fPIC", "-o", task / "evil.so", source], capture_output=True).returncode:
        pytest.skip("no C compiler")
    _, started = sandbox.run("/bin/true", env={"LD_PRELOAD": "/var/task/evil.so"}, mounts=(Mount(str(task), "/var/task"),))
    uids = set(started.text("stderr").split())
    assert uids == {"uid=993"}


def test_the_jars_environment_and_memory_are_out_of_reach(sandbox: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDJAR_SECRET", "s3cr3t")
    assert "s3cr3t" not in attempt(sandbox, "cat /proc/*/environ; tr '\\0' '\\n' < /proc/1/environ; env")


def test_the_environment_of_a_spec_is_not_in_the_hosts_process_list(sandbox: Laboratory) -> None:
    secret = f"secret{uuid.uuid4().hex}"

    async def story() -> None:
        started = await sandbox.start("/bin/sh", "-c", "echo ready; exec sleep 1000", env={"TOKEN": secret, "PATH": "/bin:/usr/bin"})
        assert processes_with(secret) == []
        await started.says("ready")
        assert processes_with(secret) == []

    sandbox.wait(story())


def test_the_size_of_tmp_is_limited(sandbox: Laboratory) -> None:
    said = attempt(sandbox, "head -c 2000000 /dev/zero > /tmp/big", tmpfs=(Tmpfs("/tmp", 1 << 20),))
    assert "No space left" in said


def test_without_a_network_nothing_is_reached(sandbox: Laboratory) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = f"use IO::Socket::INET; print IO::Socket::INET->new(PeerAddr => '127.0.0.1:{port}') ? 'yes' : 'no'"
        assert sandbox.run("/usr/bin/perl", "-e", script)[1].text() == "yes"
        assert sandbox.run("/usr/bin/perl", "-e", script, network="none")[1].text() == "no"


def test_a_user_without_privileges_can_run_sandboxes(tmp_path: Path) -> None:
    """The same as an ordinary user, through user namespaces."""
    if os.geteuid() != 0:
        pytest.skip("the other tests have shown it: they are not run by root")
    python = "/usr/bin/python3"
    probe = "import sys; sys.path[:0] = sys.argv[1:]; import msgspec, cloudjar"
    import msgspec

    import cloudjar

    paths = [str(Path(module.__file__).parents[1]) for module in (cloudjar, msgspec)]
    plain: dict[str, Any] = {"user": 4321, "group": 4321, "extra_groups": [], "cwd": "/", "capture_output": True, "text": True}
    plain["env"] = {"PYTHONDONTWRITEBYTECODE": "1"}
    if subprocess.run([python, "-c", probe, *paths], **plain).returncode:
        pytest.skip("no Python that an ordinary user can run with our packages")
    script = (
        probe
        + """
import asyncio
from cloudjar.compute.sandbox import Sandbox
from cloudjar.compute.spec import Spec

async def main():
    driver = Sandbox()
    if "network" not in driver.probe().enforces:
        print("skip")
        return
    over = asyncio.get_running_loop().create_future()
    network = await driver.network()
    inside = await network.listen("127.0.0.1", 9001)
    script = "id -u; ls /root; echo > /usr/x; sleep 1000"
    spec = Spec(id="x", argv=("/bin/sh", "-c", script), env={"PATH": "/bin:/usr/bin"}, network=network.id)
    said = asyncio.Event()
    lines = []
    def on_output(id, line):
        lines.append(line.text.decode())
        if "/usr/x" in lines[-1]:
            said.set()
    await driver.start(spec, lambda id, exit: over.set_result(exit), on_output)
    await said.wait()
    done = await driver.exec("x", ["/bin/sh", "-c", "id -u; grep -c :2329 /proc/net/tcp"])
    print(lines, done.stdout.split(), await driver.stop("x", 5))
    await driver.close()
asyncio.run(main())
"""
    )
    done = subprocess.run([python, "-c", script, *paths], timeout=60, **plain)
    if done.stdout == "skip\n":
        pytest.skip("ordinary users have no user namespaces here")
    assert "['993'" in done.stdout and "[b'993', b'1']" in done.stdout and "signal=15" in done.stdout, done
    assert "No such file" in done.stdout and "Read-only file system" in done.stdout


def test_forks_beyond_the_limit_fail_inside(sandbox: Laboratory) -> None:
    if "processes" not in sandbox.driver.probe().enforces:
        pytest.skip(sandbox.driver.probe().why)
    script = "my $n = 0; for (1..40) { my $p = fork(); last unless defined $p; if (!$p) { sleep 9; exit } $n++ } print $n"
    assert int(sandbox.run("/usr/bin/perl", "-e", script, limits=Limits(processes=5))[1].text()) == 4
