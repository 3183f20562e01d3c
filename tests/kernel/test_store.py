"""The store against a plain dict, under random transactions, marks, aborts and reopenings."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from cloudjar.kernel.store import Store, StoreFull

SHORT = st.binary(min_size=1, max_size=3)
# Around LMDB's limit, with shared first bytes: the keys that have to share an entry.
LONG = st.builds(
    lambda fill, size, rest: fill * size + rest, st.sampled_from([b"a", b"\xff"]), st.integers(495, 505), st.binary(max_size=3)
)
KEY = st.one_of(SHORT, LONG)
WRITE = st.tuples(st.just("put"), KEY, st.binary(max_size=8)) | st.tuples(st.just("delete"), KEY, st.just(b""))
# A transaction: writes, and marks of writes (nested to any depth) that commit or abort.
STEPS = st.recursive(
    st.lists(WRITE, max_size=6),
    lambda inner: st.lists(st.one_of(WRITE, st.tuples(st.just("mark"), st.booleans(), inner)), max_size=6),
    max_leaves=12,
)


class Abort(Exception):
    pass


class StoreMachine(RuleBasedStateMachine):
    seen = Bundle("seen")

    def __init__(self):
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.store = Store(self.directory)
        self.model = {}

    def teardown(self):
        self.store.close()
        shutil.rmtree(self.directory)

    def apply(self, txn, model, steps):
        for step in steps:
            match step:
                case ("put", key, value):
                    txn.put(key, value)
                    model[key] = value
                case ("delete", key, _):
                    assert txn.delete(key) == (key in model)
                    model.pop(key, None)
                case ("mark", commit, inner):
                    scratch = dict(model)
                    try:
                        with txn.mark():
                            self.apply(txn, scratch, inner)
                            if not commit:
                                raise Abort
                    except Abort:
                        pass
                    else:
                        model.clear()
                        model.update(scratch)
            assert dict(txn.range(b"", b"")) == model

    @rule(steps=STEPS)
    def commit(self, steps):
        with self.store.transaction() as txn:
            self.apply(txn, self.model, steps)

    @rule(steps=STEPS)
    def abort(self, steps):
        with pytest.raises(Abort), self.store.transaction() as txn:
            self.apply(txn, dict(self.model), steps)
            raise Abort

    @rule(target=seen, key=KEY)
    def choose(self, key):
        return key

    @rule(start=seen, stop=seen, reverse=st.booleans())
    def range(self, start, stop, reverse):
        expected = sorted(item for item in self.model.items() if start <= item[0] < stop)
        with self.store.transaction() as txn:
            assert list(txn.range(start, stop, reverse=reverse)) == (expected[::-1] if reverse else expected)
            assert txn.get(start) == self.model.get(start)

    @rule()
    def reopen(self):
        self.store.close()
        self.store = Store(self.directory)

    @rule()
    def copy(self):
        copy = Path(tempfile.mkdtemp())
        self.store.copy(copy)
        other = Store(copy)
        with other.transaction() as txn:
            assert dict(txn.range(b"", b"")) == self.model
        other.close()
        shutil.rmtree(copy)

    @invariant()
    def holds_the_same(self):
        with self.store.transaction() as txn:
            assert list(txn.range(b"", b"")) == sorted(self.model.items())


StoreMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
TestStore = StoreMachine.TestCase


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    yield store
    store.close()


def test_walking_over_rows_while_deleting_them_visits_each_once(store):
    rows = [(b"%05d" % i, b"v") for i in range(500)]
    with store.transaction() as txn:
        for key, value in rows:
            txn.put(key, value)
        visited = []
        for key, _ in txn.range(b"", b""):
            visited.append(key)
            txn.delete(key)
    assert visited == [key for key, _ in rows]


def test_a_transaction_that_outgrows_the_map_succeeds_when_run_again(store):
    def write():
        with store.transaction() as txn:
            for i in range(1200):
                txn.put(b"%05d" % i, b"x" * 100_000)

    with pytest.raises(StoreFull):
        write()
    with store.transaction() as txn:
        assert txn.get(b"00000") is None
    for _ in range(4):
        try:
            write()
            break
        except StoreFull:
            continue
    with store.transaction() as txn:
        assert txn.get(b"01199") is not None


def test_the_map_grows_between_transactions_without_anyone_noticing(store):
    for i in range(2000):
        with store.transaction() as txn:
            txn.put(b"%05d" % i, b"x" * 100_000)
    assert store.used_bytes > 150 << 20


def test_a_second_transaction_inside_an_open_one_is_refused(store):
    with store.transaction(), pytest.raises(RuntimeError, match="mark"), store.transaction():
        pass


def test_callbacks_run_after_the_commit_and_not_after_an_abort(store):
    called = []
    with store.transaction() as txn:
        txn.on_commit(lambda: called.append("kept"))
        with pytest.raises(Abort), txn.mark():
            txn.on_commit(lambda: called.append("rolled back"))
            raise Abort
        assert called == []
    with pytest.raises(Abort), store.transaction() as txn:
        txn.on_commit(lambda: called.append("aborted"))
        raise Abort
    assert called == ["kept"]
