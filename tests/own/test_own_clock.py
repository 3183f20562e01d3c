"""A world's clock over the wire."""

import pytest


def test_a_frozen_clock_stands_still(own):
    frozen = own.post("/_cloudjar/clock/freeze")
    assert frozen["frozen"] is True
    assert own.get("/_cloudjar/clock")["now"] == frozen["now"]


def test_resume_lets_time_run_again(own):
    own.post("/_cloudjar/clock/freeze")
    assert own.post("/_cloudjar/clock/resume")["rate"] == 1


@pytest.mark.parametrize(
    ("by", "now"),
    [
        ("90s", "2018-02-01T00:01:30Z"),
        ("3d", "2018-02-04T00:00:00Z"),
        ("1d12h", "2018-02-02T12:00:00Z"),
        ("2w", "2018-02-15T00:00:00Z"),
        (60, "2018-02-01T00:01:00Z"),
        ("0.5h", "2018-02-01T00:30:00Z"),
    ],
)
def test_advance_goes_forward_by_a_duration(own, by, now):
    own.post("/_cloudjar/clock/freeze")
    own.post("/_cloudjar/clock/set", to="2018-02-01")
    assert own.post("/_cloudjar/clock/advance", by=by)["now"] == now


def test_set_goes_to_an_instant_of_any_zone(own):
    own.post("/_cloudjar/clock/freeze")
    assert own.post("/_cloudjar/clock/set", to="2018-02-01T12:00:00+02:00")["now"] == "2018-02-01T10:00:00Z"


def test_a_rate_may_be_a_number_or_a_factor(own):
    assert own.post("/_cloudjar/clock/rate", rate="60x")["rate"] == 60
    assert own.post("/_cloudjar/clock/rate", rate=0.5)["rate"] == 0.5


def test_autojump_is_switched_on_and_off(own):
    assert own.post("/_cloudjar/clock/autojump")["autojump"] is True
    assert own.post("/_cloudjar/clock/autojump", on=False)["autojump"] is False


def test_holds_have_names(own):
    assert own.post("/_cloudjar/clock/hold", name="debugging")["holds"] == ["debugging"]
    assert own.post("/_cloudjar/clock/release", name="debugging")["holds"] == []
    own.post("/_cloudjar/clock/release", name="debugging")
    assert own.status == 404


@pytest.mark.parametrize(
    ("verb", "members"),
    [
        ("advance", {}),
        ("advance", {"by": "soon"}),
        ("advance", {"by": "-3d"}),
        ("advance", {"by": -1}),
        ("advance", {"by": True}),
        ("advance", {"by": "99999999d"}),
        ("advance", {"by": "3" * 5000 + "d"}),
        ("set", {"to": "tomorrow"}),
        ("set", {"to": "0001-01-01T00:00:00+14:00"}),
        ("set", {"to": 5}),
        ("set", {}),
        ("rate", {"rate": -1}),
        ("rate", {"rate": "fast"}),
        ("rate", {"rate": True}),
        ("rate", {"rate": 1e300}),
        ("rate", {"rate": []}),
        ("autojump", {"on": "yes"}),
        ("hold", {}),
        ("hold", {"name": ""}),
        ("hold", {"name": 3}),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(own, verb, members):
    own.post("/_cloudjar/clock/freeze")
    before = own.get("/_cloudjar/clock")
    answer = own.post(f"/_cloudjar/clock/{verb}", **members)
    assert own.status == 400, answer
    assert own.get("/_cloudjar/clock") == before


def test_the_clocks_of_two_worlds_are_independent(own, at):
    other = at(own.post("/_cloudjar/worlds/fork")["endpoint"])
    other.post("/_cloudjar/clock/freeze")
    assert own.get("/_cloudjar/clock")["frozen"] is False
    assert own.get(f"/_cloudjar/clock?world={other.get('/_cloudjar/health')['world']}")["frozen"] is True
