"""`cloudjar up`, `down` and `status`: the daemon's life, seen from outside."""

import json
import os
import resource
import signal
import socket
import stat
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest


def test_up_returns_when_the_jar_answers(cj, client):
    note = cj.up()
    assert client("sts", note["endpoint"]).get_caller_identity()["Account"] == "000000000000"


def test_up_says_where_the_jar_is(cj):
    done = cj("up", "--port", "0")
    note = json.loads((cj.data / "jar.json").read_text())
    assert done.code == 0
    assert note["endpoint"] in done.out
    assert str(cj.data) in done.out


def test_the_log_has_the_line_that_tools_wait_for(cj):
    cj.up()
    assert "Ready." in cj("logs").out.splitlines()


def test_the_data_directory_is_the_users_alone(cj):
    cj.up()
    assert stat.S_IMODE(cj.data.stat().st_mode) == 0o700


def test_the_data_directory_follows_xdg(cj):
    del cj.environ["CLOUDJAR_DATA"]
    done = cj("up", "--port", "0", "--json", XDG_DATA_HOME=str(cj.home / "xdg"))
    cj.environ["CLOUDJAR_DATA"] = str(cj.home / "xdg" / "cloudjar")
    assert done.json["data"] == str(cj.home / "xdg" / "cloudjar")


def test_down_ends_the_jar_and_waits(cj):
    note = cj.up()
    done = cj("down", "--json")
    assert done.json == {"stopped": True, "killed": False, "pid": note["pid"]}
    with pytest.raises(OSError):
        urllib.request.urlopen(note["endpoint"] + "/_cloudjar/health")


def test_down_without_a_jar_is_no_error(cj):
    done = cj("down", "--json")
    assert (done.code, done.json) == (0, {"stopped": False})


def test_status_tells_scripts_with_its_exit_code(cj):
    assert cj("status").code == 3
    note = cj.up()
    found = cj("status", "--json")
    assert found.code == 0
    assert found.json["endpoint"] == note["endpoint"]
    assert found.json["pid"] == note["pid"]
    cj("down")
    assert cj("status", "--json").code == 3


def test_status_finds_a_jar_by_its_url(cj):
    note = cj.up()
    assert cj("status", "--endpoint", note["endpoint"], "--data", str(cj.home / "elsewhere")).code == 0
    cj("down")
    assert cj("status", "--endpoint", note["endpoint"]).code == 3


def test_up_again_finds_everything_as_it_was(cj, client):
    first = cj.up()
    client("iam", first["endpoint"]).create_user(UserName="alice")
    cj("down")
    second = cj.up()
    assert [user["UserName"] for user in client("iam", second["endpoint"]).list_users()["Users"]] == ["alice"]


def test_kill_9_loses_nothing_that_was_acknowledged(cj, client):
    first = cj.up()
    iam = client("iam", first["endpoint"])
    for number in range(20):
        iam.create_user(UserName=f"user-{number}")
    os.kill(first["pid"], signal.SIGKILL)
    second = cj.up()
    assert len(client("iam", second["endpoint"]).list_users()["Users"]) == 20


def test_a_jar_that_was_killed_is_not_running(cj):
    note = cj.up()
    os.kill(note["pid"], signal.SIGKILL)
    assert cj("status").code == 3
    assert (cj.data / "jar.json").exists()


def test_a_stale_note_of_somebody_elses_process_deceives_nobody(cj):
    cj.data.mkdir()
    (cj.data / "jar.json").write_text(json.dumps({"pid": os.getpid(), "port": 1, "endpoint": "http://localhost:1", "data": None}))
    assert cj("status").code == 3
    assert cj("down").code == 0
    assert cj.up()["pid"] != os.getpid()


def test_ephemeral_keeps_nothing(cj, client):
    first = cj.up("--ephemeral")
    assert first["data"] is None
    client("iam", first["endpoint"]).create_user(UserName="alice")
    cj("down")
    assert client("iam", cj.up("--ephemeral")["endpoint"]).list_users()["Users"] == []
    assert not (cj.data / "worlds").exists()


def test_an_ephemeral_jar_runs_beside_the_one_that_keeps(cj):
    usual = {"CLOUDJAR_DATA": ""}
    try:
        kept = cj.up(**usual)
        beside = cj.up("--ephemeral", **usual)
        assert beside["port"] != kept["port"]
        assert beside["data"] is None
        assert cj("status", "--json", **usual).json["endpoint"] == kept["endpoint"]
        cj("down", **usual)
        assert cj("status", "--json", **usual).json["endpoint"] == beside["endpoint"]
    finally:
        cj("down", **usual)
        cj("down", **usual)
    assert cj("status", **usual).code == 3


def test_up_again_while_it_runs_says_so_and_is_no_error(cj):
    note = cj.up()
    again = cj("up", "--json")
    assert again.code == 0
    assert again.json == {**note, "already": True}


def test_two_jars_cannot_share_a_data_directory(cj):
    cj.up()
    done = cj("up", "--port", "1")
    assert done.code == 5
    assert "cloudjar down" in done.err
    assert cj("up", "--foreground", "--port", "0").code == 5


def test_two_jars_with_two_data_directories_are_independent(cj, client):
    one = cj.up()
    two = cj.up("--data", str(cj.home / "two"))
    try:
        client("iam", one["endpoint"]).create_user(UserName="alice")
        assert client("iam", two["endpoint"]).list_users()["Users"] == []
    finally:
        assert cj("down", "--data", str(cj.home / "two")).code == 0
    assert cj("status").code == 0


def test_a_port_that_is_taken_gives_a_clear_error(cj):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = cj("up", "--port", str(port))
    assert done.code == 4
    assert str(port) in done.err and "--port" in done.err
    assert cj("status").code == 3


def test_errors_are_json_when_asked_for(cj):
    done = cj("clock", "--json")
    assert done.code == 3
    assert json.loads(done.err)["error"] == "NotRunning"


def test_a_directory_that_cannot_be_made_is_a_clear_error(cj):
    (cj.home / "file").write_text("")
    done = cj("up", "--data", str(cj.home / "file" / "data"))
    assert done.code == 1
    assert "--data" in done.err


def test_foreground_stays_and_ends_gracefully_on_sigint(cj):
    process = cj.start_process("up", "--foreground", "--port", "0")
    lines = []
    while "Ready.\n" not in lines:
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
    assert cj("status").code == 0
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    process.communicate()
    assert cj("status").code == 3


def test_up_lets_go_of_its_callers_pipes(cj):
    # A caller that reads to the end of our output must not wait for the daemon.
    process = cj.start_process("up", "--port", "0")
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "is ready" in out


def test_ephemeral_worlds_of_a_killed_jar_are_removed(cj):
    note = cj.up("--ephemeral")
    os.kill(note["pid"], signal.SIGKILL)
    cj.up()
    assert not (cj.data / "ephemeral").exists()


def test_two_starts_at_once_make_one_jar(cj):
    both = [cj.start_process("up", "--json", "--port", "0") for _ in range(2)]
    notes = [json.loads(process.communicate(timeout=60)[0]) for process in both]
    assert notes[0]["pid"] == notes[1]["pid"]


def test_listening_on_the_network_is_warned_about(cj):
    assert "network" in cj("up", "--port", "0", "--listen", "0.0.0.0").err
    cj("down")
    assert cj("up", "--port", "0").err == ""


def test_strict_refuses_keys_without_a_secret(cj, client):
    from botocore.exceptions import ClientError

    note = cj.up("--strict")
    with pytest.raises(ClientError):
        client("sts", note["endpoint"]).get_caller_identity()


def test_a_request_in_flight_is_finished_before_the_jar_ends(cj, until):
    note = cj.up()
    with socket.create_connection(("127.0.0.1", note["port"])) as slow:
        slow.sendall(b"POST /_cloudjar/worlds/import?name=x HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-tar\r\n")
        slow.sendall(b"content-length: 200000\r\nexpect: 100-continue\r\n\r\n")
        assert slow.recv(65536).startswith(b"HTTP/1.1 100"), "the jar waits for the body"
        os.kill(note["pid"], signal.SIGTERM)

        def refuses_new_connections() -> bool:
            try:
                urllib.request.urlopen(note["endpoint"] + "/_cloudjar/health")
            except OSError:
                return True
            return False

        until(refuses_new_connections)
        slow.sendall(b"x" * 200_000)
        assert slow.recv(65536).startswith(b"HTTP/1.1 409")
    assert cj("status").code in (3, 1)


def test_the_jar_can_be_ended_over_localstacks_path(cj, until):
    note = cj.up()
    body = json.dumps({"action": "kill"}).encode()
    request = urllib.request.Request(note["endpoint"] + "/_localstack/health", body, {"content-type": "application/json"})
    assert urllib.request.urlopen(request).status == 200
    until(lambda: not os.path.exists(cj.data / "jar.json"))
    assert cj("down").code == 0


def test_http_and_https_are_on_the_same_port(cj):
    import ssl

    note = cj.up()
    bundle = cj("env", "--json").json["AWS_CA_BUNDLE"]
    context = ssl.create_default_context(cafile=bundle)
    for scheme in ("http", "https"):
        url = note["endpoint"].replace("http", scheme) + "/_cloudjar/health"
        assert json.load(urllib.request.urlopen(url, context=context if scheme == "https" else None))["status"] == "ok"


def test_the_same_seed_gives_the_same_ids(cj, client):
    def user_id() -> str:
        note = cj.up("--ephemeral", "--seed", "a seed")
        made = client("iam", note["endpoint"]).create_user(UserName="alice")["User"]["UserId"]
        cj("down")
        return made

    assert user_id() == user_id()


def test_listen_takes_several_addresses(cj):
    note = cj.up("--listen", "127.0.0.1,127.0.0.2")
    for host in ("127.0.0.1", "127.0.0.2"):
        assert urllib.request.urlopen(f"http://{host}:{note['port']}/_cloudjar/health").status == 200


def test_worlds_have_their_ports_again_after_a_restart(cj, until):
    cj.up()
    made = cj("world", "fork", "copy", "--json").json
    cj("down")
    cj.up()
    until(lambda: cj("world", "list", "--json").json["worlds"][0]["endpoint"])
    assert json.load(urllib.request.urlopen(made["endpoint"] + "/_cloudjar/health"))["world"] == "copy"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"PERSISTENCE": "0"}, "--ephemeral"),
        ({"LOCALSTACK_AUTH_TOKEN": "x"}, "no token is needed"),
        ({"GATEWAY_LISTEN": "nonsense:port"}, "GATEWAY_LISTEN"),
    ],
)
def test_localstacks_names_that_do_something_else_are_warned_about(cj, environ, expected):
    assert expected in cj("up", "--port", "0", **environ).err


def test_localstacks_gateway_listen_is_read(cj):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    done = cj("up", "--json", GATEWAY_LISTEN=f"127.0.0.1:{port}")
    assert done.json["port"] == port
    assert done.err == ""


def test_a_daemon_has_no_terminal_and_leads_its_own_session(cj):
    note = cj.up()
    assert os.getsid(note["pid"]) == note["pid"]
    assert os.readlink(f"/proc/{note['pid']}/fd/0") == os.devnull


def test_the_daemon_stays_small(cj):
    note = cj.up()
    with open(f"/proc/{note['pid']}/status") as status:
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    assert resident < 60_000, "kB"


def test_the_daemon_never_imports_botocore(cj, client):
    note = cj.up()
    client("sts", note["endpoint"]).get_caller_identity()
    with open(f"/proc/{note['pid']}/maps") as maps:
        assert "botocore" not in maps.read()


def test_init_scripts_run_in_their_stages(cj, until):
    scripts = cj.home / "init"
    for stage in ("boot", "start", "ready", "shutdown"):
        (scripts / f"{stage}.d").mkdir(parents=True)
        (scripts / f"{stage}.d" / "one.sh").write_text(f"echo {stage} at $AWS_ENDPOINT_URL >> {cj.home}/order\n")
    (scripts / "ready.d" / "two.py").write_text(f"open({str(cj.home / 'order')!r}, 'a').write('python\\n')\n")
    (scripts / "ready.d" / "zz.sh").write_text("echo told; exit 3\n")
    (scripts / "ready.d" / "ignored.txt").write_text("")
    note = cj.up("--init", str(scripts))

    def state() -> dict[str, object]:
        return json.load(urllib.request.urlopen(note["endpoint"] + "/_localstack/init"))

    until(lambda: state()["completed"]["READY"])
    assert [(row["name"], row["state"]) for row in state()["scripts"]][:-1] == [
        ("one.sh", "SUCCESSFUL"),
        ("one.sh", "SUCCESSFUL"),
        ("one.sh", "SUCCESSFUL"),
        ("two.py", "SUCCESSFUL"),
        ("zz.sh", "ERROR"),
    ]
    cj("down")
    lines = (cj.home / "order").read_text().splitlines()
    assert lines == [
        "boot at",
        *(f"{stage} at {note['endpoint']}" for stage in ("start", "ready")),
        "python",
        f"shutdown at {note['endpoint']}",
    ]
    log = cj("logs").out
    assert "told" in log and "exit status 3" in log


def test_ready_scripts_can_use_the_jar_with_awslocal(cj, client, until):
    (cj.home / "init" / "ready.d").mkdir(parents=True)
    (cj.home / "init" / "ready.d" / "make.sh").write_text("awslocal iam create-user --user-name from-init\n")
    note = cj.up("--init", str(cj.home / "init"))
    until(lambda: json.load(urllib.request.urlopen(note["endpoint"] + "/_localstack/init"))["completed"]["READY"])
    assert [user["UserName"] for user in client("iam", note["endpoint"]).list_users()["Users"]] == ["from-init"]


def test_an_init_directory_that_is_not_there_is_refused(cj):
    done = cj("up", "--init", str(cj.home / "nowhere"))
    assert done.code == 2


def test_the_log_does_not_grow_for_ever(cj):
    cj.data.mkdir()
    (cj.data / "jar.log").write_bytes(b"x" * (11 << 20))
    cj.up()
    assert (cj.data / "jar.log").stat().st_size < 1 << 20
    assert (cj.data / "jar.log.1").exists()


def test_down_finishes_off_a_jar_that_hangs(cj):
    note = cj.up()
    os.kill(note["pid"], signal.SIGSTOP)
    done = cj("down", "--timeout", "0.2", "--json")
    assert done.json["killed"] is True


def test_debug_logs_each_call(cj, client):
    note = cj.up(DEBUG="1")
    client("sts", note["endpoint"]).get_caller_identity()
    assert "AWS sts.GetCallerIdentity => 200" in cj("logs").out


def test_a_world_that_cannot_be_read_is_a_clear_error(cj):
    (cj.data / "worlds" / "default").mkdir(parents=True)
    (cj.data / "worlds" / "default" / "data.mdb").write_bytes(b"x" * 8192)
    done = cj("up", "--port", "0")
    assert done.code == 1
    assert "cannot be read" in done.err


def test_one_broken_world_does_not_keep_the_others_away(cj):
    cj.up()
    for name in ("broken", "whole"):
        cj("world", "fork", name)
    cj("down")
    (cj.data / "worlds" / "broken" / "data.mdb").write_bytes(b"x" * 8192)
    cj.up()
    assert cj("world", "drop", "broken").code == 0
    assert [row["name"] for row in cj("world", "list", "--json").json["worlds"]] == ["default", "whole"]


def test_down_ends_a_long_poll_with_an_empty_answer(cj, client, until):
    endpoint = cj.up()["endpoint"]
    sqs = client("sqs", endpoint)
    url = sqs.create_queue(QueueName="idle")["QueueUrl"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client("sqs", endpoint).receive_message, QueueUrl=url, WaitTimeSeconds=20)
        until(lambda: json.load(urllib.request.urlopen(f"{endpoint}/_cloudjar/clock"))["waiting"] == 1)
        assert cj("down").code == 0
        assert "Messages" not in waiting.result(10)


def test_a_jar_may_open_more_files_than_the_usual_soft_limit(cj):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        limits = Path(f"/proc/{cj.up()['pid']}/limits")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if not limits.exists():
        pytest.skip("no /proc")
    line = next(line for line in limits.read_text().splitlines() if line.startswith("Max open files"))
    assert int(line.split()[3]) == min(hard, 65536)
