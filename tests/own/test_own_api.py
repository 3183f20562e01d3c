"""The own API's frame: what it answers, and whom it refuses."""

import json

import pytest


def test_health_names_the_world_that_the_endpoint_serves(own, world):
    assert own.get("/_cloudjar/health") == {"status": "ok", "version": "0.1.0", "world": world.name}


def test_info_tells_where_and_for_how_long_the_jar_runs(own):
    found = own.get("/_cloudjar/info")
    assert found["ephemeral"] is True
    assert found["data"] is None
    assert found["uptime_seconds"] > 0
    assert "sts" in found["services"]


def test_an_unknown_path_is_not_found_and_the_known_ones_are_named(own):
    answer = own.get("/_cloudjar/wrlds")
    assert own.status == 404
    assert "/_cloudjar/worlds" in answer["message"]


def test_a_wrong_method_is_refused_with_the_right_one(own):
    answer = own.get("/_cloudjar/clock/freeze")
    assert own.status == 405
    assert own.headers["allow"] == "POST"
    assert "POST" in answer["message"]


def test_an_unknown_world_is_not_found(own):
    answer = own.get("/_cloudjar/clock?world=nowhere")
    assert own.status == 404
    assert "nowhere" in answer["message"]


def test_a_body_that_is_not_json_is_refused(own):
    own.send("POST", "/_cloudjar/clock/freeze", b"{", content_type="application/json")
    assert own.status == 400


@pytest.mark.parametrize("body", [b"[]", b"3", b'"x"', b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(own, body):
    own.send("POST", "/_cloudjar/clock/freeze", body, content_type="application/json")
    assert own.status == 400


def test_a_body_without_a_json_content_type_is_refused(own, world):
    own.send("POST", "/_cloudjar/clock/freeze", b"{}", content_type="text/plain")
    assert own.status == 415
    assert own.get("/_cloudjar/clock")["frozen"] is False


def test_a_body_that_is_too_large_is_refused(own):
    own.send("POST", "/_cloudjar/clock/set", b" " * (2 << 20), content_type="application/json")
    assert own.status == 413


def test_a_page_of_another_site_may_not_change_anything(own):
    own.send("POST", "/_cloudjar/clock/freeze", b"{}", content_type="application/json", origin="https://evil.example")
    assert own.status == 403
    assert own.get("/_cloudjar/clock")["frozen"] is False


def test_a_page_without_an_origin_may_not_change_anything(own):
    own.send("POST", "/_cloudjar/clock/freeze", origin="null")
    assert own.status == 403


def test_the_jars_own_pages_may_ask(own):
    own.send("POST", "/_cloudjar/clock/freeze", origin=own.endpoint)
    assert own.status == 200


def test_a_name_that_anybody_can_point_here_is_refused(own):
    own.send("GET", "/_cloudjar/info", host="rebound.example:4566")
    assert own.status == 403


@pytest.mark.parametrize(
    "host", ["localhost:4566", "127.0.0.1", "[::1]:4566", "s3.localhost.localstack.cloud", "cloudjar:4566", "192.168.1.2"]
)
def test_names_that_only_this_machine_or_network_gives_are_fine(own, host):
    own.send("GET", "/_cloudjar/health", host=host)
    assert own.status == 200


def test_a_key_in_a_bucket_may_be_named_like_the_own_api(own):
    answer = own.send("GET", "/_cloudjar/health", host="my-bucket.s3.localhost.localstack.cloud:4566")
    assert b'"status"' not in answer


def test_calls_are_listed_with_their_errors(own, world, aws_error):
    world.client("sts").get_caller_identity()
    with aws_error("InvalidClientTokenId"):
        world.client("sts", access_key="AKIAUNKNOWN000000000").get_caller_identity()
    calls = own.get("/_cloudjar/calls?service=sts")["calls"]
    assert [(call["operation"], call["status"], call["error"]) for call in calls] == [
        ("GetCallerIdentity", 200, ""),
        ("GetCallerIdentity", 403, "InvalidClientTokenId"),
    ]
    assert [call["status"] for call in own.get("/_cloudjar/calls?failed=true")["calls"]] == [403]


def test_a_worlds_calls_are_its_own(own, world):
    other = own.post("/_cloudjar/worlds/fork")["name"]
    world.client("sts").get_caller_identity()
    assert len(own.get("/_cloudjar/calls")["calls"]) == 1
    assert own.get(f"/_cloudjar/calls?world={other}")["calls"] == []


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1001", "9" * 50])
def test_limits_outside_their_bounds_are_refused(own, limit):
    own.get(f"/_cloudjar/calls?limit={limit}")
    assert own.status == 400


def test_coverage_tells_real_from_absent(own):
    rows = own.get("/_cloudjar/coverage?service=sts")
    assert rows["operations"]["GetCallerIdentity"] == "real"
    assert set(rows["operations"].values()) <= {"real", "modelled", "absent"}
    own.get("/_cloudjar/coverage?service=nothing")
    assert own.status == 404


def test_the_ca_certificate_can_be_fetched(own):
    assert own.send("GET", "/_cloudjar/ca.pem").startswith(b"-----BEGIN CERTIFICATE-----")
    assert own.send("GET", "/_cloudjar/ca-bundle.pem").count(b"BEGIN CERTIFICATE") > 1


def test_head_answers_like_get_without_a_body(own):
    assert own.send("HEAD", "/_cloudjar/health") == b""
    assert own.status == 200


def test_localstack_health_lists_services(own, world):
    world.client("sts").get_caller_identity()
    found = own.get("/_localstack/health")
    assert found["services"]["sts"] == "running"
    assert {"edition", "version"} <= set(found)


def test_localstack_init_is_complete_where_there_is_nothing_to_run(own):
    found = own.get("/_localstack/init")
    assert found == {"completed": {"BOOT": True, "START": True, "READY": True, "SHUTDOWN": False}, "scripts": []}
    assert own.get("/_localstack/init/ready") == {"completed": True, "scripts": []}


def test_localstack_helpers_that_are_not_there_say_so(own):
    answer = own.get("/_aws/nothing")
    assert own.status == 501
    assert "/_aws/nothing" in answer["message"]


def test_a_jar_inside_another_program_is_not_ended_over_http(own):
    own.post("/_localstack/health", action="kill")
    assert own.status == 501


def test_localstack_restart_is_refused_honestly(own):
    own.post("/_localstack/health", action="restart")
    assert own.status == 501


def test_answers_are_json_that_nobody_caches(own):
    assert json.loads(own.send("GET", "/_cloudjar/health"))["status"] == "ok"
    assert own.headers["content-type"] == "application/json"
    assert own.headers["cache-control"] == "no-store"
