"""Standbys: the interpreter of a version that is up before its first call, and nothing of the function with it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from typing import Any

import pytest

from cloudjar.gateway.inprocess import LocalWorld
from cloudjar.services.lambda_ import standby
from cloudjar.services.lambda_.pool import Pool

from .conftest import Functions

SOURCE = """
import os, sys
early = 'boto3' in sys.modules
def handler(event, context):
    return [early, os.environ['AWS_LAMBDA_LOG_STREAM_NAME'] == context.log_stream_name, os.path.exists('/var/runtime/release')]
"""


@pytest.fixture
def ready(world: LocalWorld, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Waits until the world has a standby that has read all that it reads, and gives it."""
    monkeypatch.setattr(standby, "QUIET_SECONDS", 0.001)

    def wait() -> Any:
        for _ in range(2000):
            found = world.local.do(lambda: list(world._world().part(Pool)._standbys._ready.values()))
            if found and _waits(found[-1]):
                return found[-1]
            time.sleep(0.01)
        raise AssertionError("no standby came up")

    return wait


def _waits(env: Any) -> bool:
    """Whether a process of the sandbox has its pipe open: its imports are behind it."""
    path = env.pipe.path
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            names = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            continue
        if int(pid) != os.getpid() and any(name.endswith("/var/runtime/release") or name == path for name in names):
            return True
    return False


def test_a_first_call_finds_the_sdk_imported(functions: Functions, ready: Callable[[], Any]) -> None:
    functions.python("py", SOURCE, MemorySize=256)
    ready()
    result = functions.invoke("py")
    assert result.value[:2] == [True, True]
    assert "Init Duration" in result.log


def test_a_standby_has_run_none_of_the_functions_code_and_has_no_credentials(functions: Functions, ready: Callable[[], Any]) -> None:
    functions.python("py", "print('loaded')\ndef handler(e, c):\n    pass\n", MemorySize=256)
    env = ready()
    assert env.session.access_key == ""
    assert env.log._lines == []
    assert "loaded\n" in functions.invoke("py").log


def test_a_function_that_brings_its_own_sdk_gets_its_own(functions: Functions, ready: Callable[[], Any]) -> None:
    files: dict[str, str | bytes] = {
        "app.py": "import boto3, queue\ndef handler(e, c):\n    return [boto3.mine, queue.mine]\n",
        "boto3.py": "mine = 1\n",
        "queue.py": "mine = 2\n",
    }
    functions.create("py", files, MemorySize=256)
    ready()
    assert functions.invoke("py").value == [1, 2]


def test_a_change_of_the_function_ends_its_standby(functions: Functions, ready: Callable[[], Any], world: LocalWorld) -> None:
    functions.python("py", SOURCE, MemorySize=256)
    env = ready()
    functions.client.update_function_configuration(FunctionName="py", Environment={"Variables": {"KEY": "v"}})
    for _ in range(500):
        if not world.local.do(lambda: env.alive):
            break
        time.sleep(0.01)
    assert not env.alive
    assert functions.invoke("py").error is None


def test_a_standby_that_has_died_is_not_used(functions: Functions, ready: Callable[[], Any], world: LocalWorld) -> None:
    functions.python("py", SOURCE, MemorySize=256)
    env = ready()
    world.local.run(env.kill())
    assert functions.invoke("py").error is None


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_a_node_function_has_a_standby_too(functions: Functions, ready: Callable[[], Any]) -> None:
    source = "console.log('loaded');\nexports.handler = async () => [process.argv.length, process.env.AWS_ACCESS_KEY_ID !== ''];\n"
    functions.create("js", {"index.js": source}, Runtime="nodejs20.x", Handler="index.handler", MemorySize=256)
    env = ready()
    assert (env.session.access_key, env.log._lines) == ("", [])
    result = functions.invoke("js")
    assert result.value == [2, True]
    assert "loaded" in result.log


def test_a_runtime_that_a_wrapper_starts_has_none(functions: Functions, world: LocalWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    # The wrapper would not wait, and the function's code would run without credentials.
    monkeypatch.setattr(standby, "QUIET_SECONDS", 0.001)
    files: dict[str, str | bytes] = {"app.py": SOURCE, "wrap": '#!/bin/sh\nexec "$@"\n'}
    functions.create("py", files, Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrap"}})
    assert not world.local.do(lambda: world._world().part(Pool)._standbys._wanted)
