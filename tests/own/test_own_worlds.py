"""Worlds over the wire. A frozen clock at some date stands for a world's state: it is kept with it."""

import asyncio
import io
import itertools
import json
import socket
import tarfile

import pytest

from cloudjar.wire.http import BufferedBody, Request

_numbers = itertools.count()


@pytest.fixture
def name(request):
    return f"w{next(_numbers)}-{request.node.name[:20].rstrip('[')}".replace("[", "-").replace("]", "")


def date(own) -> str:
    return own.get("/_cloudjar/clock")["now"][:10]


def go_to(own, to: str) -> None:
    own.post("/_cloudjar/clock/freeze")
    own.post("/_cloudjar/clock/set", to=to)


def test_a_fork_has_an_endpoint_of_its_own_and_the_same_state(own, at, name):
    go_to(own, "2018-02-01")
    made = own.post("/_cloudjar/worlds/fork", name=name)
    assert own.status == 201
    fork = at(made["endpoint"])
    assert made["endpoint"] != own.endpoint
    assert fork.get("/_cloudjar/health")["world"] == name
    assert date(fork) == "2018-02-01"


def test_a_fork_goes_its_own_way(own, at, name):
    go_to(own, "2018-02-01")
    fork = at(own.post("/_cloudjar/worlds/fork", name=name)["endpoint"])
    go_to(fork, "2020-01-01")
    assert date(own) == "2018-02-01"


def test_worlds_are_listed_with_parent_and_endpoint(own, world, name):
    made = own.post("/_cloudjar/worlds/fork", name=name)
    rows = {row["name"]: row for row in own.get("/_cloudjar/worlds")["worlds"]}
    assert rows[name] == made
    assert made["parent"] == world.name


def test_a_fork_without_a_name_gets_one(own, world):
    assert own.post("/_cloudjar/worlds/fork")["name"].startswith(world.name)


def test_two_worlds_cannot_have_one_name(own, name):
    own.post("/_cloudjar/worlds/fork", name=name)
    own.post("/_cloudjar/worlds/fork", name=name)
    assert own.status == 409


@pytest.mark.parametrize("bad", ["..", "../x", "a/b", "", " ", "x" * 65, ".hidden", "a\0b", "\n"])
def test_a_name_that_is_no_name_is_refused(own, bad):
    own.post("/_cloudjar/worlds/save", snapshot=bad)
    assert own.status in (400, 409)


def test_a_saved_state_can_be_restored(own, name):
    go_to(own, "2018-02-01")
    own.post("/_cloudjar/worlds/save", snapshot=name)
    go_to(own, "2020-01-01")
    own.post("/_cloudjar/worlds/restore", snapshot=name)
    assert date(own) == "2018-02-01"
    assert name in own.get("/_cloudjar/worlds")["snapshots"]


def test_an_unknown_snapshot_is_not_found_and_nothing_is_lost(own):
    go_to(own, "2018-02-01")
    own.post("/_cloudjar/worlds/restore", snapshot="never-saved")
    assert own.status == 404
    assert date(own) == "2018-02-01"


def test_a_snapshot_can_be_dropped(own, name):
    own.post("/_cloudjar/worlds/save", snapshot=name)
    own.post("/_cloudjar/worlds/drop", snapshot=name)
    assert name not in own.get("/_cloudjar/worlds")["snapshots"]


def test_reset_empties_a_world_and_keeps_its_endpoint(own):
    go_to(own, "2018-02-01")
    own.post("/_cloudjar/worlds/reset")
    assert own.get("/_cloudjar/clock")["frozen"] is False


def test_localstacks_reset_save_and_load_work_without_a_body(own):
    go_to(own, "2018-02-01")
    own.send("POST", "/_localstack/state/save")
    own.send("POST", "/_localstack/state/reset")
    assert own.get("/_cloudjar/clock")["frozen"] is False
    own.send("POST", "/_localstack/state/load")
    assert date(own) == "2018-02-01"


def test_a_dropped_world_is_gone_with_its_endpoint(own, at, name):
    endpoint = own.post("/_cloudjar/worlds/fork", name=name)["endpoint"]
    own.post("/_cloudjar/worlds/drop", name=name)
    assert name not in [row["name"] for row in own.get("/_cloudjar/worlds")["worlds"]]
    with pytest.raises(ConnectionRefusedError):
        at(endpoint).get("/_cloudjar/health")


def test_the_default_world_cannot_be_dropped(own):
    own.post("/_cloudjar/worlds/drop", name="default")
    assert own.status == 409


def test_a_world_is_not_dropped_through_its_own_endpoint(own, world):
    own.post("/_cloudjar/worlds/drop", name=world.name)
    assert own.status == 409


def test_an_exported_world_can_be_imported(own, at, name):
    go_to(own, "2018-02-01")
    tar = own.send("GET", "/_cloudjar/worlds/export")
    assert own.headers["content-type"] == "application/x-tar"
    made = json.loads(own.send("POST", f"/_cloudjar/worlds/import?name={name}", tar, content_type="application/x-tar"))
    assert own.status == 201, made
    assert date(at(made["endpoint"])) == "2018-02-01"


@pytest.mark.parametrize("content", [b"", b"not a tar", b"\0" * 20_000, b"\x1f\x8b" + b"x" * 600])
def test_a_file_that_is_no_world_is_refused_and_leaves_nothing(own, name, content):
    own.send("POST", f"/_cloudjar/worlds/import?name={name}", content, content_type="application/x-tar")
    assert own.status == 409
    assert name not in [row["name"] for row in own.get("/_cloudjar/worlds")["worlds"]]


def test_a_tar_with_a_broken_store_is_refused(own, name):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        entry = tarfile.TarInfo("data.mdb")
        entry.size = 8192
        tar.addfile(entry, io.BytesIO(b"x" * 8192))
    own.send("POST", f"/_cloudjar/worlds/import?name={name}", file.getvalue(), content_type="application/x-tar")
    assert own.status == 409


def test_a_tar_that_reaches_out_of_its_folder_is_refused(own, name):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        entry = tarfile.TarInfo("../../outside")
        entry.size = 1
        tar.addfile(entry, io.BytesIO(b"x"))
    own.send("POST", f"/_cloudjar/worlds/import?name={name}", file.getvalue(), content_type="application/x-tar")
    assert own.status == 409


def test_a_call_to_a_world_that_is_reset_meanwhile_is_told_to_try_again(own, world):
    world.client("s3").create_bucket(Bucket="my-bucket")
    head = b"PUT /my-bucket/key HTTP/1.1\r\nhost: localhost\r\ncontent-length: 200000\r\nexpect: 100-continue\r\n"
    head += b"authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(own.endpoint.rpartition(":")[2]))) as slow:
        slow.sendall(head)
        assert slow.recv(65536).startswith(b"HTTP/1.1 100")
        own.post("/_cloudjar/worlds/reset")
        slow.sendall(b"x" * 200_000)
        assert slow.recv(65536).startswith(b"HTTP/1.1 503")


def test_calls_during_a_restore_wait_for_its_end(world):
    async def hammer() -> list[int]:
        jar = world.local.jar
        request = Request("GET", "/_cloudjar/clock", "", {"host": "localhost"}, BufferedBody())
        statuses = []
        for _ in range(20):
            restoring = asyncio.ensure_future(jar.worlds.restore(world.name, "hammered"))
            answers = await asyncio.gather(*(jar.answer(world.name, request) for _ in range(5)))
            statuses += [each.status for each in answers]
            await restoring
        return statuses

    world.save("hammered")
    assert set(world.local.run(hammer())) == {200}
