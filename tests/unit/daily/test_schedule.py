"""When the daily job is due, over clock changes, restarts and missed days."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaltape.daily.schedule import due, moment_of, next_moment

SIX, UTC_ZONE = time(6, 0), ZoneInfo("UTC")
BEGIN = datetime.fromisoformat("2023-01-01T00:00:00")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "last_done", "day"),
    [
        ("2024-05-02T05:59:59", "2024-05-01", None),  # not yet
        ("2024-05-02T06:00:00", "2024-05-01", "2024-05-02"),  # on the second
        ("2024-05-02T06:00:00", "2024-05-02", None),  # done: a restart does nothing
        ("2024-05-02T05:00:00", "2024-04-28", "2024-05-01"),  # missed days are one run
        ("2024-05-02T09:00:00", "2024-04-28", "2024-05-02"),
        ("2024-05-02T05:00:00", None, "2024-05-01"),  # the first run of all
    ],
)
def test_due(now: str, last_done: str | None, day: str | None) -> None:
    found = due(at(now), date.fromisoformat(last_done) if last_done else None, SIX, UTC_ZONE)
    assert found == (None if day is None else date.fromisoformat(day))


@pytest.mark.parametrize(
    ("zone", "day", "of_day", "moment"),
    [
        ("Europe/Berlin", "2024-03-30", "06:00", "2024-03-30T05:00"),
        ("Europe/Berlin", "2024-03-31", "06:00", "2024-03-31T04:00"),  # summer time since this night
        ("Europe/Berlin", "2024-03-31", "02:30", "2024-03-31T01:30"),  # skipped by the clock
        ("Europe/Berlin", "2024-10-27", "02:30", "2024-10-27T00:30"),  # comes twice: the first
        ("America/New_York", "2024-11-03", "01:30", "2024-11-03T05:30"),
        ("Asia/Tokyo", "2024-05-02", "06:00", "2024-05-01T21:00"),
    ],
)
def test_moment(zone: str, day: str, of_day: str, moment: str) -> None:
    assert moment_of(date.fromisoformat(day), time.fromisoformat(of_day), ZoneInfo(zone)) == at(moment)


@given(
    st.datetimes(BEGIN, BEGIN + timedelta(days=1_000)), st.sampled_from(ZONES), st.times(),
    st.lists(st.integers(1, 40_000), min_size=1, max_size=30),
)  # fmt: skip
def test_each_day_runs_once_whenever_it_is_looked_at(
    start: datetime, name: str, of_day: time, steps: list[int]
) -> None:
    """A clock that goes on by any steps: no day twice, none before its moment, none left once it has come."""
    zone, now, last = ZoneInfo(name), start.replace(tzinfo=UTC), None
    done: list[date] = []
    for step in steps:
        day = due(now, last, of_day, zone)
        if day is not None:
            assert moment_of(day, of_day, zone) <= now
            last = day
            done.append(day)
        assert due(now, last, of_day, zone) is None
        following = next_moment(now, of_day, zone)
        assert timedelta(0) < following - now <= timedelta(hours=49)
        assert due(following, last, of_day, zone) is not None
        now += timedelta(seconds=step)
    assert done == sorted(set(done))
