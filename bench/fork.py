"""How long a fork of a world takes: a small one, and one of 100,000 records. `python bench/fork.py`."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from cloudjar.gateway.jar import Jar
from cloudjar.kernel.records import Record, record
from cloudjar.kernel.world import World

FORKS = 20


@record("bench.thing", key="name", indexes={"group": "group"})
class Thing(Record):
    """A record of ordinary size."""

    name: str
    group: str
    description: str
    tags: dict[str, str]


def fill(world: World, records: int) -> float:
    """Seconds to put that many records into a world."""
    started = time.perf_counter()
    for start in range(0, records, 1000):
        with world.store.transaction() as txn:
            ctx = world.context(txn)
            for number in range(start, min(start + 1000, records)):
                ctx.put(Thing(f"thing-{number:07d}", f"group-{number % 100}", "x" * 100, {"stage": "test", "number": str(number)}))
    return time.perf_counter() - started


async def measure(jar: Jar, source: str) -> list[float]:
    taken = []
    for number in range(FORKS):
        started = time.perf_counter()
        jar.worlds.fork(source, f"{source}-{number}")
        taken.append(time.perf_counter() - started)
        await jar.worlds.drop(f"{source}-{number}")
    return taken


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        jar = Jar(Path(folder))
        for name, records in (("empty", 0), ("small", 100), ("large", 100_000)):
            world = jar.worlds.open(name)
            filled = fill(world, records)
            taken = await measure(jar, name)
            size = world.store.used_bytes / 1e6
            print(
                f"{name:6} {records:7d} records {size:6.1f} MB  filled in {filled:5.2f} s  "
                f"fork {min(taken) * 1000:6.1f} ms best  {statistics.median(taken) * 1000:6.1f} ms median"
            )
        await jar.stop()


if __name__ == "__main__":
    asyncio.run(main())
