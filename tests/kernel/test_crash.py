"""kill -9 at random moments, and a crash after every commit: nothing acknowledged is lost, nothing is half there."""

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from worlds import Note, act, open_world, ring, ring_and_publish, seen

# Writes pairs of notes (both or neither), each with a timer that publishes an event, and says so once committed.
WRITER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {here!r})
from worlds import Note, act, open_world, ring_and_publish

async def main():
    world = open_world(Path({directory!r}))
    world.start()
    ctx = world.async_context()
    with ctx.transaction():
        n = ctx.where(Note).count() // 2
    while True:
        with ctx.transaction():
            ctx.put(Note(f"{{n:06d}}-a", ctx.now, "red", n))
            ctx.after(ring_and_publish, f"{{n}}", seconds=0.001)
            if n % 7 == 0:
                ctx.effect(act, f"{{n}}")
            ctx.put(Note(f"{{n:06d}}-b", ctx.now, "red", n))
        print(n, flush=True)
        n += 1
        await asyncio.sleep(0)

asyncio.run(main())
"""


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_moments_a_world_keeps_every_acknowledged_write_and_no_half_of_one(tmp_path, seed):
    chance = random.Random(seed)
    script = WRITER.format(here=str(Path(__file__).parent), directory=str(tmp_path))
    last = -1
    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        child.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.2))
        child.send_signal(signal.SIGKILL)
        for line in child.stdout:
            if line.endswith("\n"):
                last = max(last, int(line))
        child.wait()

        async def check(acknowledged=last):
            world = open_world(tmp_path)
            world.start()
            with world.reading() as ctx:
                names = [note.name for note in ctx.where(Note)]
                assert ctx.where(Note, colour="red").count() == len(names)
            count = len(names) // 2
            assert names == [f"{n:06d}-{half}" for n in range(count) for half in "ab"]
            assert count > acknowledged
            await world.advance_to(world.clock.now() + timedelta(seconds=10))
            saw = Counter(seen(world))
            for n in range(count):
                # Timers and listeners commit with what they did, so once is once; an effect may repeat.
                assert saw[f"ring {n}"] == saw[f"heard {n}"] == saw[f"heard {n} too"] == 1
                assert (saw[f"acted {n}"] >= 1) == (n % 7 == 0)
            await world.close()

        asyncio.run(check())


def test_a_crash_after_any_commit_ends_in_the_same_state(tmp_path):
    copies = []

    async def live():
        world = open_world(tmp_path / "live")
        world.set_clock(world.clock.moved(rate=0))
        plain = world.store.transaction

        @contextmanager
        def copying():
            with plain() as txn:
                yield txn
            if txn.bytes_written:
                target = tmp_path / f"crash{len(copies)}"
                world.store.copy(target / "world")
                copies.append(target)

        world.store.transaction = copying
        ctx = world.async_context()
        with ctx.transaction():
            ctx.put(Note("a", ctx.now, "red"))
            ctx.after(ring_and_publish, "one", seconds=5)
            ctx.after(ring, "two", seconds=6)
            ctx.emit("test", "Said", {"name": "zero"})
            ctx.effect(act, "three")
        await world.advance_to(world.clock.now() + timedelta(seconds=10))
        await world.close()
        return sorted(seen_once(tmp_path / "live"))

    def seen_once(directory):
        world = open_world(directory)
        result = set(seen(world))
        world.store.close()
        return result

    async def recover(directory):
        world = open_world(directory)
        world.start()
        await world.advance_to(world.clock.now() + timedelta(seconds=10))
        result = sorted(set(seen(world)))
        assert all(count == 1 for what, count in Counter(seen(world)).items() if not what.startswith("acted"))
        await world.close()
        return result

    expected = asyncio.run(live())
    assert len(expected) == 7
    assert len(copies) > 8
    for directory in copies:
        assert asyncio.run(recover(directory)) == expected
