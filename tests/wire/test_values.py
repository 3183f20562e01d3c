"""Scalars on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudjar.wire import values

MOMENTS = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(9999, 1, 1), timezones=st.just(UTC))


@given(MOMENTS)
def test_iso8601_survives_the_round_trip(moment: datetime) -> None:
    assert values.read_timestamp(values.to_iso8601(moment)) == moment


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2242, 1, 1), timezones=st.just(UTC)))
def test_epoch_survives_the_round_trip_to_the_millisecond(moment: datetime) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert values.from_epoch(values.to_epoch(moment)) == moment


@given(MOMENTS)
def test_http_dates_survive_the_round_trip_to_the_second(moment: datetime) -> None:
    assert values.read_timestamp(values.to_rfc822(moment)) == moment.replace(microsecond=0)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2015-01-25T08:00:00Z", datetime(2015, 1, 25, 8, tzinfo=UTC)),
        ("2015-01-25T09:00:00+01:00", datetime(2015, 1, 25, 8, tzinfo=UTC)),
        ("2015-01-25", datetime(2015, 1, 25, tzinfo=UTC)),
        ("Sun, 25 Jan 2015 08:00:00 GMT", datetime(2015, 1, 25, 8, tzinfo=UTC)),
        ("1422172800", datetime(2015, 1, 25, 8, tzinfo=UTC)),
        ("1422172800.5", datetime(2015, 1, 25, 8, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_timestamps_are_read_in_every_format_that_clients_send(text: str, moment: datetime) -> None:
    assert values.read_timestamp(text) == moment


@pytest.mark.parametrize("text", ["", "now", "2015-13-01T00:00:00Z", "1e400", "9" * 40, "Sun, 99 Jan 2015", "20T", "-"])
def test_what_is_no_timestamp_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        values.read_timestamp(text)


@given(st.text(max_size=30))
def test_no_text_raises_anything_but_a_value_error(text: str) -> None:
    for read in values.TEXT_READERS.values():
        try:
            read(text)
        except ValueError:
            pass


@pytest.mark.parametrize("text", ["1_000", " 1", "1 ", "٣", "0x10", "1.0", "--1", "+-1", "", "9" * 100])
def test_pythons_own_liberties_with_integers_are_not_taken(text: str) -> None:
    with pytest.raises(ValueError):
        values.read_integer(text)


def test_times_without_milliseconds_are_written_without_them() -> None:
    moment = datetime(2015, 1, 25, 9, tzinfo=timezone(timedelta(hours=1)))
    assert values.to_iso8601(moment) == "2015-01-25T08:00:00Z"
    assert values.to_iso8601_millis(moment) == "2015-01-25T08:00:00.000Z"
    assert values.to_epoch(moment) == 1422172800
