"""The other commands: env, world, clock, coverage, doctor, logs, help."""

import json
import os
import subprocess
import sys

import pytest

from cloudjar.cli.parser import COMMANDS


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS), ["world", "fork"], ["clock", "advance"]])
def test_every_command_has_help(cj, command):
    done = cj(*command, "--help")
    assert done.code == 0
    assert "usage: cloudjar" in done.out


def test_no_command_is_a_wrong_use_that_shows_the_help(cj):
    done = cj()
    assert done.code == 2
    assert "cloudjar up" in done.out


@pytest.mark.parametrize(
    "wrong", [["fly"], ["up", "--port", "x"], ["up", "--port", "70000"], ["world"], ["tour", "nowhere"], ["up", "--dat", "x"]]
)
def test_wrong_arguments_have_exit_code_2(cj, wrong):
    assert cj(*wrong).code == 2


@pytest.mark.parametrize("command", [["env"], ["world", "list"], ["clock"], ["clock", "advance", "3d"], ["world", "fork", "x"]])
def test_commands_without_a_jar_say_so_with_exit_code_3(cj, command):
    done = cj(*command)
    assert done.code == 3
    assert "cloudjar up" in done.err


def test_env_points_the_stock_cli_at_the_jar(cj):
    cj.up()
    script = 'eval "$("$PYTHON" -m cloudjar env)"; exec "$PYTHON" -m awscli sts get-caller-identity'
    done = subprocess.run(["sh", "-c", script], env={**cj.environ, "PYTHON": sys.executable}, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["Account"] == "000000000000", done.stderr


def test_env_can_be_taken_back(cj):
    done = cj("env", "--unset")
    assert done.code == 0
    assert "unset AWS_ENDPOINT_URL" in done.out.splitlines()


def test_env_takes_away_what_would_win_over_it(cj):
    cj.up()
    assert "unset AWS_SESSION_TOKEN" in cj("env", AWS_SESSION_TOKEN="old").out.splitlines()


def test_env_keeps_the_users_region(cj):
    cj.up()
    assert cj("env", "--json", AWS_REGION="eu-west-1").json["AWS_DEFAULT_REGION"] == "eu-west-1"


def test_env_speaks_fish(cj):
    cj.up()
    assert any(line.startswith("set -gx AWS_ENDPOINT_URL 'http://") for line in cj("env", "--format", "fish").out.splitlines())
    assert "set -gx" in cj("env", SHELL="/usr/bin/fish").out


def test_env_of_a_world_names_its_endpoint(cj):
    cj.up()
    made = cj("world", "fork", "copy", "--json").json
    assert cj("env", "--json", "--world", "copy").json["AWS_ENDPOINT_URL"] == made["endpoint"]
    assert cj("env", "--world", "nowhere").code == 1


def test_the_life_of_a_world(cj, client):
    note = cj.up()
    iam = client("iam", note["endpoint"])
    iam.create_user(UserName="alice")
    assert cj("world", "save", "clean").code == 0
    made = cj("world", "fork", "copy", "--json").json
    client("iam", made["endpoint"]).create_user(UserName="bob")
    assert cj("world", "export", "copy.tar", "--world", "copy").code == 0
    assert cj("world", "drop", "copy").code == 0
    back = cj("world", "import", "copy.tar", "again", "--json").json
    assert [user["UserName"] for user in client("iam", back["endpoint"]).list_users()["Users"]] == ["alice", "bob"]
    assert cj("world", "reset").code == 0
    assert iam.list_users()["Users"] == []
    assert cj("world", "restore", "clean").code == 0
    assert [user["UserName"] for user in iam.list_users()["Users"]] == ["alice"]
    assert cj("world", "drop", "clean", "--snapshot").code == 0


def test_worlds_are_listed_plainly_in_a_pipe(cj):
    note = cj.up()
    cj("world", "save", "clean")
    assert cj("world", "list").out.splitlines() == [
        "world\tparent\tendpoint",
        f"default\t\t{note['endpoint']}",
        "clean\t\tsnapshot",
    ]


def test_a_jars_refusal_reaches_the_user(cj):
    cj.up()
    done = cj("world", "fork", "copy", "--from", "nowhere")
    assert done.code == 1
    assert "nowhere" in done.err


def test_importing_a_file_that_is_none_is_a_clear_error(cj):
    cj.up()
    assert cj("world", "import", "nowhere.tar", "x").code == 1
    (cj.home / "broken.tar").write_text("broken")
    assert "not an exported world" in cj("world", "import", "broken.tar", "x").err


def test_exporting_into_a_folder_that_is_not_there_is_a_clear_error(cj):
    cj.up()
    done = cj("world", "export", "no/such/folder.tar")
    assert done.code == 1
    assert "Cannot write" in done.err


def test_the_clock_is_moved_and_shown(cj):
    cj.up()
    cj("clock", "freeze")
    cj("clock", "set", "2018-02-01")
    assert cj("clock", "advance", "3d").out.splitlines() == ["now   2018-02-04T00:00:00Z", "pace  frozen"]
    assert cj("clock", "rate", "60x", "--json").json["rate"] == 60
    assert cj("clock", "autojump", "on", "--json").json["autojump"] is True
    assert cj("clock", "hold", "lunch", "--json").json["holds"] == ["lunch"]
    assert cj("clock", "release", "lunch").code == 0
    assert cj("clock", "resume", "--json").json["rate"] == 1
    assert cj("clock", "advance", "tomorrow").code == 1


def test_the_clock_of_another_world_is_moved_by_name(cj):
    cj.up()
    cj("world", "fork", "copy")
    cj("clock", "freeze", "--world", "copy")
    assert cj("clock", "--json").json["frozen"] is False
    assert cj("clock", "--world", "copy", "--json").json["frozen"] is True


def test_coverage_needs_no_jar(cj):
    rows = {row["service"]: row for row in cj("coverage", "--json").json["services"]}
    assert rows["sts"]["real"] >= 1
    assert "GetCallerIdentity\treal" in cj("coverage", "sts").out.splitlines()
    assert cj("coverage", "nothing").code == 1


def test_doctor_says_which_driver_runs_things_and_why(cj):
    found = cj("doctor", "--json").json
    assert found["driver"] in [row["driver"] for row in found["drivers"] if row["available"]]
    assert all(row["why"] for row in found["drivers"])
    assert all(row["internet"] for row in found["drivers"] if row["available"])
    assert found["driver"] in cj("doctor").out


def test_doctor_finds_the_jar(cj):
    note = cj.up()
    assert cj("doctor", "--json").json["jar"] == note["endpoint"]


def test_logs_shows_the_last_lines(cj):
    cj.up()
    cj("down")
    assert len(cj("logs", "-n", "1").out.splitlines()) == 1
    assert json.loads(cj("logs", "-n", "1", "--json").out)["line"]


def test_logs_without_a_log_is_a_clear_error(cj):
    assert cj("logs").code == 1


def test_logs_follow_shows_what_comes(cj):
    cj.up()
    process = cj.start_process("logs", "-f", "-n", "1")
    try:
        # It reads the log by now: what comes, comes after this line.
        assert process.stdout.readline() == "Ready.\n"
        cj("down")
        assert "Ending" in process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


def test_tours_are_listed(cj):
    assert "lambda-custom-runtime" in cj("tour", "--json").json


def test_a_reader_that_leaves_early_is_no_traceback(cj):
    command = f"{sys.executable} -m cloudjar coverage iam | head -1"
    done = subprocess.run(["sh", "-c", command], env=cj.environ, capture_output=True, text=True, check=False)
    assert done.stdout == "operation\tstate\n"
    assert "Traceback" not in done.stderr


def test_a_proxy_in_the_environment_is_not_asked(cj):
    cj.up()
    assert cj("status", http_proxy="http://127.0.0.1:1", HTTP_PROXY="http://127.0.0.1:1").code == 0


def test_output_on_a_terminal_is_drawn(cj):
    import pty

    parent, child = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "cloudjar", "coverage", "sts"], env={**cj.environ, "TERM": "xterm"}, stdout=child
    ) as process:
        os.close(child)
        drawn = b""
        try:
            while piece := os.read(parent, 65536):
                drawn += piece
        except OSError:
            pass
        assert process.wait() == 0
    os.close(parent)
    assert b"\x1b[" in drawn and b"GetCallerIdentity" in drawn
