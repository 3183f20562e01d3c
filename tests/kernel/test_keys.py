"""Key encoding: order and round trip."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudjar.kernel import keys

INT = st.integers(-(2**63), 2**63 - 1)
PART = st.one_of(st.none(), st.binary(max_size=12), st.text(max_size=12), INT)
TUPLE = st.lists(PART, max_size=4).map(tuple)
RANK = {type(None): 0, bytes: 1, str: 2, int: 3}


def comparable(parts):
    return [(RANK[type(p)], p.encode("utf-8", "surrogatepass") if isinstance(p, str) else p or 0 if p is None else p) for p in parts]


@given(TUPLE)
def test_a_key_decodes_to_the_tuple_that_it_encodes(parts):
    assert keys.decode(keys.encode(parts)) == parts


@given(TUPLE, TUPLE)
def test_keys_sort_as_their_tuples_do(left, right):
    assert (keys.encode(left) < keys.encode(right)) == (comparable(left) < comparable(right))


@given(TUPLE, TUPLE)
def test_encodings_concatenate(left, right):
    assert keys.encode(left) + keys.encode(right) == keys.encode(left + right)


@given(TUPLE, TUPLE)
def test_after_prefix_bounds_exactly_the_keys_below_a_prefix(prefix, parts):
    low = keys.encode(prefix)
    stop = keys.after_prefix(low)
    key = keys.encode(parts)
    assert (low <= key and (not stop or key < stop)) == key.startswith(low)


def test_a_datetime_is_kept_to_the_microsecond():
    instant = datetime(2026, 7, 1, 12, 0, 0, 123457, tzinfo=UTC)
    assert keys.decode(keys.encode((instant,))) == (keys.microseconds(instant),)


def test_what_does_not_fit_is_refused():
    with pytest.raises(OverflowError):
        keys.encode((2**63,))
    with pytest.raises(TypeError):
        keys.encode((1.5,))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not a key"):
        keys.decode(b"\x77")
