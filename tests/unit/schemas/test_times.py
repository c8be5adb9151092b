"""Times as text: the same reading for files and for single bars."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.timestamps import parse_time
from schemas.times import NaiveTimeError, parse_iso_time


@given(
    st.datetimes(datetime(1990, 1, 2), datetime(2200, 1, 1)),  # noqa: DTZ001 (the zone comes on its own)
    st.integers(-86_399, 86_399),
)
def test_any_moment_in_any_zone(moment: datetime, offset: int) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(seconds=offset)))
    ns = parse_iso_time(zoned.isoformat())
    assert parse_time(zoned.isoformat()) == ns
    assert datetime.fromtimestamp(ns // 1_000_000_000, UTC) == zoned.astimezone(UTC).replace(microsecond=0)
    assert ns % 1_000_000_000 == moment.microsecond * 1_000


@pytest.mark.parametrize(("text", "error"), [("2024-01-02T21:00:00", NaiveTimeError), ("noon", ValueError)])
def test_what_is_no_time(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_iso_time(text)
