"""What a function can see and use: its own, and nothing else of the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cloudjar.gateway.inprocess import LocalWorld

from .conftest import Functions


def run(functions: Functions, body: str, **options: object) -> object:
    """What a Python function with this body returns."""
    lines = "\n".join("    " + line for line in body.strip().splitlines())
    functions.python("probe", f"import os, subprocess\ndef handler(event, context):\n{lines}\n", **options)
    result = functions.invoke("probe")
    assert result.error is None, result.value
    return result.value


@pytest.mark.parametrize("path", ["/etc/x", "/var/task/x", "/usr/x", "/x", "/opt/x"])
def test_all_but_tmp_is_read_only(functions: Functions, path: str) -> None:
    body = f"try:\n    open({path!r}, 'w')\nexcept OSError as error:\n    return error.errno\nreturn 0"
    assert run(functions, body) != 0


def test_tmp_is_empty_writable_and_kept_between_calls(functions: Functions) -> None:
    source = "import os\ndef handler(e, c):\n    had = os.listdir('/tmp')\n    open('/tmp/mine', 'w').write('x')\n    return had\n"
    functions.python("probe", source)
    assert functions.invoke("probe").value == []
    assert functions.invoke("probe").value == ["mine"]


def test_tmp_goes_with_its_sandbox(functions: Functions) -> None:
    functions.python("probe", "def handler(e, c):\n    open('/tmp/mine', 'w').write('x')\n")
    functions.invoke("probe")
    functions.client.delete_function(FunctionName="probe")
    functions.python("probe", "import os\ndef handler(e, c):\n    return os.listdir('/tmp')\n")
    assert functions.invoke("probe").value == []


FILL = """
written = 0
try:
    for number in range(3):
        with open(f'/tmp/{number}', 'wb', buffering=0) as file:
            for _ in range(event or 200):
                written += file.write(bytes(1 << 20))
except OSError as error:
    return [error.strerror, written >> 20]
return ['', written >> 20]
"""


def test_all_files_in_tmp_together_fit_the_storage_and_no_more(functions: Functions, world: LocalWorld) -> None:
    """And what is there does not count as memory."""
    if not world.local.do(lambda: "disk" in world._world().host.driver().probe().enforces):
        pytest.skip("this machine gives no disks: only single files are limited")
    error, written = run(functions, FILL, MemorySize=128, Timeout=60)  # type: ignore[misc]
    assert error == "No space left on device"
    assert 512 <= written < 540


def test_where_there_are_no_disks_no_file_outgrows_the_storage(
    functions: Functions, world: LocalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(_: int) -> None:
        return None

    driver = world.local.do(lambda: world._world().host.driver())
    monkeypatch.setattr(driver, "disk", none)
    body = """
try:
    with open('/tmp/big', 'wb') as file:
        file.truncate(513 << 20)
except OSError as error:
    return error.strerror
"""
    assert run(functions, body) == "File too large"


def test_the_user_is_the_one_that_lambda_has(functions: Functions) -> None:
    assert run(functions, "import pwd\nreturn [os.getuid(), pwd.getpwuid(os.getuid()).pw_name]") == [993, "sbx_user1051"]


@pytest.mark.parametrize(("runtime", "name"), [("provided.al2", "Amazon Linux 2"), ("provided.al2023", "Amazon Linux 2023")])
def test_the_system_is_named_as_the_runtimes_is(functions: Functions, runtime: str, name: str) -> None:
    from .conftest import ECHO

    functions.create(
        "probe", {"bootstrap": ECHO.replace("while true", ". /etc/os-release; echo $PRETTY_NAME\nwhile true")}, Runtime=runtime
    )
    assert f"{name}\n" in functions.invoke("probe").log


def test_the_host_is_out_of_sight(functions: Functions, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    places = ["/root", "/home", str(secret), os.path.expanduser("~"), str(Path(__file__))]
    assert run(functions, f"return [os.listdir(p) if os.path.isdir(p) else 'there' for p in {places!r} if os.path.exists(p)]") in (
        [],
        [[]],
        [[], []],
    )


def test_no_process_of_the_host_is_in_sight(functions: Functions) -> None:
    assert run(functions, "return len([p for p in os.listdir('/proc') if p.isdigit()])") < 6


def test_another_functions_code_is_out_of_sight(functions: Functions) -> None:
    functions.python("other", "def handler(e, c):\n    return 'mine'\n")
    functions.invoke("other")
    assert run(functions, "return sorted(os.listdir('/var/task'))") == ["app.py"]


def test_the_memory_limit_holds(functions: Functions) -> None:
    functions.python("probe", "def handler(e, c):\n    return len(bytearray(400 << 20))\n", MemorySize=128)
    result = functions.invoke("probe")
    assert result.value["errorType"] == "Runtime.OutOfMemory"
    assert result.value["errorMessage"].endswith("Runtime exited with error: signal: killed")


def test_processes_that_a_call_leaves_behind_end_with_the_sandbox(functions: Functions, world: LocalWorld) -> None:
    source = "import subprocess\ndef handler(e, c):\n    subprocess.Popen(['sleep', '98765'])\n    while True:\n        pass\n"
    functions.python("probe", source, Timeout=1)
    assert functions.invoke("probe").value["errorType"] == "Sandbox.Timedout"
    left = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            left.append(Path("/proc", entry, "cmdline").read_bytes())
        except OSError:
            continue
    assert b"sleep\x0098765\x00" not in left
