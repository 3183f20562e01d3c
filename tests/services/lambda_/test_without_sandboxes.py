"""Functions on a machine that has no sandboxes: plain processes, and no isolation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cloudjar.compute.process import Process
from cloudjar.gateway.inprocess import LocalJar

from .conftest import ECHO, Functions, make_role, package


@pytest.fixture(scope="module")
def plain() -> Iterator[Functions]:
    with LocalJar() as jar:
        jar.do(lambda: setattr(jar.jar, "_driver", Process()))
        world = jar.world()
        yield Functions(world, make_role(world))


def test_a_custom_runtime_runs(plain: Functions) -> None:
    source = ECHO.replace("/tmp/headers", '"$HOME_OF_TEST"').replace("while true", "HOME_OF_TEST=$(mktemp)\nwhile true")
    plain.create("echo", {"bootstrap": source})
    assert plain.invoke("echo", 1).value == 1


def test_a_python_function_finds_its_code_its_layers_and_the_sdk(plain: Functions) -> None:
    layer = plain.client.publish_layer_version(LayerName="lib", Content={"ZipFile": package({"python/lib.py": "N = 5\n"})})
    source = "import lib\nfrom importlib.util import find_spec\ndef handler(e, c):\n    return [lib.N, find_spec('boto3') is not None]\n"
    plain.python("py", source, Layers=[layer["LayerVersionArn"]])
    assert plain.invoke("py").value == [5, True]


def test_a_timeout_ends_the_whole_tree(plain: Functions) -> None:
    plain.python("slow", "import subprocess\ndef handler(e, c):\n    subprocess.run(['sleep', '60'])\n", Timeout=1)
    assert plain.invoke("slow").value["errorType"] == "Sandbox.Timedout"
