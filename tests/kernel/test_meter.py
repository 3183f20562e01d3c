"""Services' own metrics, from memory to the store."""

import asyncio

from worlds import Host, open_world

from cloudjar.kernel.meter import SLICE, Batch, Resource


class Keeper(Host):
    """Notes what is to be kept."""

    def __init__(self):
        super().__init__()
        self.kept = []

    def keep_metrics(self, ctx, batches):
        self.kept.append([(list(batch.series), list(batch.used)) for batch in batches])


def add(world, number):
    world.meter.add(("000000000000", "us-east-1", "AWS/SQS", "Sent", (("QueueName", str(number)),), "Count"), 1.0)
    world.meter.use(Resource("000000000000", "us-east-1", "AWS/SQS", (("QueueName", str(number)),)))


def test_a_storing_that_nobody_waits_for_leaves_calls_their_turn(tmp_path):
    async def run():
        host = Keeper()
        world = open_world(tmp_path, host)
        for number in range(2 * SLICE + 1):
            add(world, number)
        turns = []
        world.meter._fire()
        while len(host.kept) < 3:
            turns.append(len(host.kept))
            await asyncio.sleep(0)
        assert turns == [1, 2]
        assert [[len(series) for series, _ in batches] for batches in host.kept] == [[SLICE], [SLICE], [1]]
        assert len({one for batches in host.kept for series, _ in batches for one in series}) == 2 * SLICE + 1
        assert len({one for batches in host.kept for _, used in batches for one in used}) == 2 * SLICE + 1
        world.meter.flush()
        assert len(host.kept) == 3
        await world.close()

    asyncio.run(run())


def test_a_look_between_two_slices_stores_the_rest_once(tmp_path):
    async def run():
        host = Keeper()
        world = open_world(tmp_path, host)
        for number in range(2 * SLICE):
            add(world, number)
        world.meter._fire()
        with world.store.transaction() as txn:
            world.meter.store(world.context(txn))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert sum(len(series) for batches in host.kept for series, _ in batches) == 2 * SLICE
        await world.close()

    asyncio.run(run())


def test_slices_of_a_batch_keep_its_instant():
    batch = Batch("then")
    batch.series = {("a",) * 6: {1.0: 2.0}}
    (piece,) = batch.slices()
    assert (piece.since, piece.series, piece.used) == ("then", batch.series, set())
