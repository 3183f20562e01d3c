"""The pytest plugin that ships with cloudjar, in a project that is not this one."""

import subprocess
import sys

import pytest


@pytest.fixture
def run(tmp_path):
    """`run(source, *options)`: pytest's output on a project with this one test file."""

    def run_pytest(source: str, *options: str) -> str:
        (tmp_path / "test_it.py").write_text(source)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", *options, str(tmp_path)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    return run_pytest


ISOLATION = """
import pytest

@pytest.mark.parametrize("number", range(4))
def test_world_is_empty(cloudjar_client, number):
    iam = cloudjar_client("iam")
    assert iam.list_users()["Users"] == []
    iam.create_user(UserName="alice")
"""


def test_each_test_has_a_world_of_its_own(run):
    assert "4 passed" in run(ISOLATION)


def test_it_works_under_xdist(run):
    assert "4 passed" in run(ISOLATION, "-n", "2")


def test_a_base_can_be_filled_once_for_all(run):
    out = run("""
import pytest

@pytest.fixture(scope="session")
def cloudjar_base(cloudjar_jar):
    base = cloudjar_jar.world()
    base.client("iam").create_user(UserName="alice")
    return base

@pytest.mark.parametrize("number", range(2))
def test_alice_is_there_each_time(cloudjar_world, number):
    iam = cloudjar_world.client("iam")
    assert [user["UserName"] for user in iam.list_users()["Users"]] == ["alice"]
    iam.delete_user(UserName="alice")
""")
    assert "2 passed" in out


def test_the_endpoint_is_a_real_socket(run):
    out = run("""
import json, urllib.request

def test_socket(cloudjar_endpoint, cloudjar_world):
    assert json.load(urllib.request.urlopen(cloudjar_endpoint + "/_cloudjar/health"))["world"] == cloudjar_world.name
""")
    assert "1 passed" in out


def test_expected_errors_are_told_from_others(run):
    out = run("""
def test_right(cloudjar_client, aws_error):
    with aws_error("NoSuchEntity", "nobody"):
        cloudjar_client("iam").get_user(UserName="nobody")

def test_wrong_code(cloudjar_client, aws_error):
    with aws_error("EntityAlreadyExists"):
        cloudjar_client("iam").get_user(UserName="nobody")

def test_no_error(cloudjar_client, aws_error):
    with aws_error("NoSuchEntity"):
        cloudjar_client("iam").list_users()
""")
    assert "PASSED test_it.py::test_right" in out
    assert "FAILED test_it.py::test_wrong_code" in out
    assert "FAILED test_it.py::test_no_error" in out


def test_nothing_is_imported_for_those_who_do_not_use_it(run):
    out = run("""
import sys

def test_nothing():
    assert "botocore" not in sys.modules
    assert "lmdb" not in sys.modules
    assert not [name for name in sys.modules if name.startswith("cloudjar.") and name != "cloudjar.pytest_plugin"]
""")
    assert "1 passed" in out


def test_time_can_be_moved(run):
    out = run("""
from datetime import UTC, datetime

def test_time(cloudjar_world):
    cloudjar_world.clock.freeze()
    cloudjar_world.clock.set(datetime(2018, 2, 1, tzinfo=UTC))
    cloudjar_world.clock.advance(days=3)
    made = cloudjar_world.client("iam").create_user(UserName="alice")["User"]["CreateDate"]
    assert made == datetime(2018, 2, 4, tzinfo=UTC)
""")
    assert "1 passed" in out
