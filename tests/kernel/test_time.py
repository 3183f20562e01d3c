"""Clock, timers, events and effects."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import worlds
from worlds import Host, act, open_world, ring, ring_and_publish, ring_daily, seen

from cloudjar.kernel.clock import Clock, ClockState
from cloudjar.kernel.effects import Effect
from cloudjar.kernel.events import Delivery, Event, ParkedDelivery
from cloudjar.kernel.timers import ParkedTimer, Timer


class Wall:
    """A machine's clock that a test turns."""

    def __init__(self):
        self.seconds = 1_000_000.0

    def __call__(self):
        return self.seconds


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


def make_clock():
    wall = Wall()
    return wall, Clock(ClockState(world=wall(), wall=wall()), wall)


def test_time_is_real_until_told_otherwise():
    wall, clock = make_clock()
    wall.seconds += 5
    assert clock.now() == at(1_000_005)


def test_a_frozen_clock_stands_and_resumes_from_where_it_stood():
    wall, clock = make_clock()
    clock.use(clock.moved(rate=0))
    wall.seconds += 100
    assert clock.now() == at(1_000_000)
    assert clock.wall_delay(at(1_000_001)) is None
    clock.use(clock.moved(rate=1))
    wall.seconds += 1
    assert clock.now() == at(1_000_001)


def test_a_rate_speeds_time_up_and_timers_come_sooner():
    wall, clock = make_clock()
    clock.use(clock.moved(rate=60))
    wall.seconds += 1
    assert clock.now() == at(1_000_060)
    assert clock.wall_delay(at(1_000_120)) == 1.0


def test_a_clock_can_be_set_back_but_never_slips_back_by_itself():
    wall, clock = make_clock()
    clock.now()
    wall.seconds -= 50
    assert clock.now() == at(1_000_000)
    clock.use(clock.moved(world=500.0))
    assert clock.now() == at(500)


def test_holds_are_counted_by_name():
    _, clock = make_clock()
    clock.hold("a")
    clock.hold("a")
    clock.release("a")
    assert clock.holds == {"a": 1}
    clock.release("a")
    assert clock.holds == {}


def in_world(tmp_path, scenario, host=None):
    async def run():
        world = open_world(tmp_path, host)
        try:
            await scenario(world)
        finally:
            await world.close()

    asyncio.run(run())


def test_timers_fire_in_the_order_that_they_are_due(tmp_path):
    async def scenario(world):
        ctx = world.async_context()
        with ctx.transaction():
            ctx.after(ring, "late", seconds=20)
            ctx.after(ring, "early", seconds=10)
            cancelled = ctx.after(ring, "never", seconds=15)
            ctx.cancel(cancelled)
        await world.advance_to(world.clock.now() + timedelta(minutes=1))
        assert seen(world) == ["ring early", "ring late"]

    in_world(tmp_path, scenario)


def test_advancing_stops_at_each_timer_on_the_way(tmp_path):
    async def scenario(world):
        world.set_clock(world.clock.moved(world=datetime(2026, 1, 1, tzinfo=UTC).timestamp(), rate=0))
        ctx = world.async_context()
        with ctx.transaction():
            ctx.after(ring_daily, seconds=86_400)
        await world.advance_to(datetime(2026, 1, 5, 12, tzinfo=UTC))
        assert seen(world) == ["day 02", "day 03", "day 04", "day 05"]
        assert world.clock.now() == datetime(2026, 1, 5, 12, tzinfo=UTC)

    in_world(tmp_path, scenario)


def test_a_timer_that_is_due_fires_by_itself(tmp_path):
    async def scenario(world):
        ctx = world.async_context()
        with ctx.transaction():
            ctx.after(ring, "now", seconds=0.01)
        while not seen(world):
            await asyncio.sleep(0.005)

    in_world(tmp_path, scenario)


def test_autojump_goes_to_the_next_timer_when_nothing_runs_and_a_hold_stops_it(tmp_path):
    async def scenario(world):
        world.set_clock(world.clock.moved(autojump=True))
        world.clock.hold("test")
        ctx = world.async_context()
        with ctx.transaction():
            ctx.after(ring, "in a year", seconds=365 * 86_400)
        await asyncio.sleep(0.02)
        assert seen(world) == []
        world.clock.release("test")
        world.wake()
        while not seen(world):
            await asyncio.sleep(0)

    in_world(tmp_path, scenario)


def test_autojump_does_not_go_to_mere_housekeeping(tmp_path):
    async def scenario(world):
        world.set_clock(world.clock.moved(autojump=True))
        ctx = world.async_context()
        with ctx.transaction():
            ctx.after(ring, "swept", seconds=60, housekeeping=True)
            ctx.after(ring, "wanted", seconds=30)
            ctx.after(ring, "swept later", seconds=3600, housekeeping=True)
        while "ring wanted" not in seen(world):
            await asyncio.sleep(0)
        await asyncio.sleep(0.02)
        assert seen(world) == ["ring wanted"]

    in_world(tmp_path, scenario)


def test_a_failing_timer_is_retried_and_at_last_parked(tmp_path):
    host = Host()
    host.failing["ring"] = 1

    async def scenario(world):
        ctx = world.async_context()
        with ctx.transaction():
            ctx.after(ring, "again", seconds=1)
        await world.advance_to(world.clock.now() + timedelta(minutes=5))
        assert seen(world) == ["ring again"]
        host.failing["ring"] = 100
        with ctx.transaction():
            ctx.after(ring, "hopeless", seconds=1)
        await world.advance_to(world.clock.now() + timedelta(hours=1))
        with world.reading() as ctx:
            assert ctx.where(Timer).count() == 0
            assert [p.timer.args for p in ctx.where(ParkedTimer)] == [["hopeless"]]

    in_world(tmp_path, scenario, host)


def test_listeners_hear_events_in_order_after_the_commit(tmp_path):
    async def scenario(world):
        ctx = world.async_context()
        with ctx.transaction():
            for name in ("one", "two"):
                ctx.emit("test", "Said", {"name": name})
            ctx.emit("elsewhere", "Said", {"name": "nobody"})
        await world.settle()
        assert [s for s in seen(world) if s.endswith("too")] == ["heard one too", "heard two too"]
        assert [s for s in seen(world) if not s.endswith("too")] == ["heard one", "heard two"]

    in_world(tmp_path, scenario)


def test_an_aborted_transaction_publishes_nothing(tmp_path):
    async def scenario(world):
        ctx = world.async_context()
        with pytest.raises(InterruptedError), ctx.transaction():
            ctx.emit("test", "Said", {"name": "never"})
            ctx.after(ring, "never")
            ctx.effect(act, "never")
            raise InterruptedError
        await world.settle()
        await world.advance_to(world.clock.now() + timedelta(days=1))
        assert seen(world) == []

    in_world(tmp_path, scenario)


def test_a_failing_listener_keeps_its_order_and_does_not_hold_up_the_others(tmp_path):
    host = Host()
    host.failing["listen"] = 2

    async def scenario(world):
        world.set_clock(world.clock.moved(rate=0))
        ctx = world.async_context()
        with ctx.transaction():
            for name in ("one", "two"):
                ctx.emit("test", "Said", {"name": name})
        await world.settle()
        assert seen(world) == ["heard one too", "heard two too"]
        await world.advance_to(world.clock.now() + timedelta(minutes=1))
        assert seen(world)[2:] == ["heard one", "heard two"]

    in_world(tmp_path, scenario, host)


def test_a_hopeless_delivery_is_parked(tmp_path):
    host = Host()
    host.failing["listen"] = 8

    async def scenario(world):
        ctx = world.async_context()
        with ctx.transaction():
            ctx.emit("test", "Said", {"name": "one"})
            ctx.emit("test", "Said", {"name": "two"})
        await world.advance_to(world.clock.now() + timedelta(hours=1))
        with world.reading() as ctx:
            assert [p.event.detail["name"] for p in ctx.where(ParkedDelivery)] == ["one"]
            assert ctx.where(Delivery).count() == 0
        assert "heard two" in seen(world)

    in_world(tmp_path, scenario, host)


def test_only_the_latest_events_are_kept_for_inspection(tmp_path, monkeypatch):
    monkeypatch.setattr("cloudjar.kernel.events.KEPT", 5)

    async def scenario(world):
        ctx = world.async_context()
        with ctx.transaction():
            for i in range(12):
                ctx.emit("elsewhere", "Said", {"i": i})
            assert [e.detail["i"] for e in ctx.where(Event)] == [7, 8, 9, 10, 11]

    in_world(tmp_path, scenario)


def test_an_effect_runs_after_the_commit_and_leaves_no_record(tmp_path):
    async def scenario(world):
        ctx = world.async_context()
        with ctx.transaction():
            ctx.effect(act, "once")
            assert seen_inside(ctx) == 0
        await world.settle()
        assert seen(world) == ["acted once"]
        with world.reading() as ctx:
            assert ctx.where(Effect).count() == 0

    def seen_inside(ctx):
        return ctx.where(worlds.Seen).count()

    in_world(tmp_path, scenario)


def test_what_was_left_undone_is_taken_up_at_the_next_opening(tmp_path):
    async def crash():
        world = open_world(tmp_path)
        ctx = world.async_context()
        with ctx.transaction():
            ctx.effect(act, "left")
            ctx.emit("test", "Said", {"name": "left"})
            ctx.after(ring_and_publish, "left")
        # No turn of the event loop: the process dies right after the commit.
        world._closed = True
        for task in world._tasks.values():
            task.cancel()
        world.store.close()

    async def recover():
        world = open_world(tmp_path)
        world.start()
        while len(seen(world)) < 6:
            await asyncio.sleep(0)
        assert sorted(seen(world)) == ["acted left", "heard left", "heard left", "heard left too", "heard left too", "ring left"]
        await world.close()

    asyncio.run(crash())
    asyncio.run(recover())


def test_an_unmarked_function_cannot_be_deferred(tmp_path):
    async def scenario(world):
        ctx = world.async_context()
        with ctx.transaction():
            with pytest.raises(TypeError, match="@timer"):
                ctx.after(print, "x")
            with pytest.raises(TypeError, match="@effect"):
                ctx.effect(ring, "x")

    in_world(tmp_path, scenario)


def test_the_clock_survives_a_restart(tmp_path):
    async def freeze(world):
        world.set_clock(world.clock.moved(world=86_400.0, rate=0))

    async def look(world):
        assert world.clock.now() == at(86_400)

    in_world(tmp_path, freeze)
    in_world(tmp_path, look)
