"""Records through a context: keys, indexes, scopes, marks."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import Note, open_world

from cloudjar.kernel.records import BLOBS_PREFIX, replace


@pytest.fixture
def world(tmp_path):
    world = open_world(tmp_path)
    yield world
    asyncio.run(world.close())


def test_a_record_comes_back_as_it_was_put(world):
    with world.reading() as ctx:
        note = ctx.put(Note("a", ctx.now, "red", 3))
        assert ctx.get(Note, "a") == note
        assert ctx.get(Note, "b") is None


def test_regions_and_accounts_do_not_see_each_other(world):
    with world.reading() as ctx:
        ctx.put(Note("a", ctx.now))
        assert ctx.at(region="eu-west-1").get(Note, "a") is None
        assert ctx.at(account="111111111111").where(Note).first() is None
        assert ctx.at(region="us-east-1").get(Note, "a") is not None


def test_an_index_follows_replacement_and_deletion(world):
    with world.reading() as ctx:
        note = ctx.put(Note("a", ctx.now, "red"))
        ctx.put(replace(note, colour="blue"))
        assert [n.name for n in ctx.where(Note, colour="red")] == []
        assert [n.name for n in ctx.where(Note, colour="blue")] == ["a"]
        ctx.delete(note)
        assert [n.name for n in ctx.where(Note, colour="blue")] == []


def test_a_record_whose_index_field_is_none_is_left_out_of_that_index(world):
    with world.reading() as ctx:
        ctx.put(Note("a", ctx.now))
        assert ctx.ordered_by(Note, "colour").count() == 0
        assert ctx.ordered_by(Note, "made").count() == 1


def test_an_index_orders_by_its_further_fields(world):
    with world.reading() as ctx:
        for rank in (5, -1, 3):
            ctx.put(Note(f"n{rank}", ctx.now, "red", rank))
        assert [n.rank for n in ctx.where(Note, colour="red")] == [-1, 3, 5]
        assert [n.rank for n in ctx.where(Note, colour="red").backwards()] == [5, 3, -1]
        assert [n.rank for n in ctx.where(Note, colour="red").starting(0).ending(5)] == [3]


def test_a_walk_resumes_after_a_position_in_both_directions(world):
    with world.reading() as ctx:
        for i in range(10):
            ctx.put(Note(f"{i}", ctx.now))
        position = next(p for p, n in ctx.where(Note).positions() if n.name == "4")
        assert [n.name for n in ctx.where(Note).resuming(position)] == ["5", "6", "7", "8", "9"]
        assert [n.name for n in ctx.where(Note).backwards().resuming(position)] == ["3", "2", "1", "0"]


def test_asking_by_a_field_without_an_index_says_so(world):
    with world.reading() as ctx, pytest.raises(LookupError, match="rank"):
        ctx.where(Note, rank=1)


def test_the_blobs_that_records_hold_are_listed_and_released(world):
    with world.store.transaction() as txn:
        ctx = world.context(txn)
        note = ctx.put(Note("a", ctx.now, blob="ab" * 16))
        assert len(list(txn.range(BLOBS_PREFIX, BLOBS_PREFIX + b"\xff"))) == 1
        ctx.put(replace(note, blob=""))
        assert list(txn.range(BLOBS_PREFIX, BLOBS_PREFIX + b"\xff")) == []


def test_now_is_one_instant_for_a_whole_transaction(world):
    ctx = world.async_context()
    with ctx.transaction():
        first = ctx.now
        assert ctx.now == first
    with ctx.transaction():
        assert ctx.now >= first


def test_state_outside_a_transaction_is_refused(world):
    with pytest.raises(RuntimeError, match="transaction"):
        world.async_context().get(Note, "a")


def test_ids_repeat_with_the_seed(tmp_path):
    made = []
    for name in ("one", "two"):
        world = open_world(tmp_path / name, seed=b"seed")
        with world.reading() as ctx:
            made.append([ctx.ids.hex(17), ctx.ids.uuid(), ctx.ids.unique_id("AROA")])
        asyncio.run(world.close())
    assert made[0] == made[1]
    assert len(made[0][0]) == 17


def test_tags_merge_and_go(world):
    with world.reading() as ctx:
        ctx.add_tags("arn:x", {"a": "1", "b": "2"})
        assert ctx.add_tags("arn:x", {"b": "3"}) == {"a": "1", "b": "3"}
        ctx.remove_tags("arn:x", ["a", "c"])
        assert ctx.tags("arn:x") == {"b": "3"}


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("pda"), st.sampled_from("abcd"), st.sampled_from(["red", "blue", None]), st.integers(-2, 2)), max_size=25
    )
)
def test_indexes_agree_with_a_plain_model(tmp_path_factory, steps):
    world = open_world(tmp_path_factory.mktemp("w"))
    model = {}
    for action, name, colour, rank in steps:
        try:
            with world.reading() as ctx:
                if action == "d":
                    found = ctx.get(Note, name)
                    if found:
                        ctx.delete(found)
                        model.pop(name)
                else:
                    note = ctx.put(Note(name, ctx.now + timedelta(seconds=rank), colour, rank))
                    if action == "a":
                        raise InterruptedError
                    model[name] = note
        except InterruptedError:
            pass
        with world.reading() as ctx:
            for colour in ("red", "blue"):
                expected = sorted((n.rank, n.name) for n in model.values() if n.colour == colour)
                assert [(n.rank, n.name) for n in ctx.where(Note, colour=colour)] == expected
            assert list(ctx.where(Note)) == [model[k] for k in sorted(model)]
            assert ctx.ordered_by(Note, "made").count() == len(model)
    asyncio.run(world.close())


def test_views_of_one_context_share_its_transactions(world):
    ctx = world.async_context()
    with ctx.transaction():
        view = ctx.at(region="eu-west-1")
        view.put(Note("a", view.now))
    with pytest.raises(RuntimeError, match="transaction"):
        view.get(Note, "a")
    with view.transaction():
        assert view.get(Note, "a") is not None
        assert ctx.get(Note, "a") is None
