"""When a job that runs once a day is due. Pure: the moment is an argument."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def moment_of(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant (UTC) of a day's run.

    A time of day that the clock skips in spring is that much after the skip begins; one that comes twice in autumn is
    the first of both.

    >>> berlin = ZoneInfo("Europe/Berlin")
    >>> [str(moment_of(date(2024, 3, day), time(2, 30), berlin))[:16] for day in (30, 31)]
    ['2024-03-30 01:30', '2024-03-31 01:30']
    >>> str(moment_of(date(2024, 10, 27), time(2, 30), berlin))[:16]
    '2024-10-27 00:30'
    """
    return datetime.combine(day, at, tzinfo=zone).replace(fold=0).astimezone(UTC)


def due(now: datetime, last_done: date | None, at: time, zone: ZoneInfo) -> date | None:
    """The day whose run is due at ``now``, None if there is nothing to do.

    It is the newest day whose moment has come, unless that one is done: runs that were missed are caught up by one,
    never by one each. ``last_done`` None: the job never ran; then the first run is that of the newest day as well.
    """
    day = now.astimezone(zone).date()
    while moment_of(day, at, zone) > now:
        day -= timedelta(days=1)
    return None if last_done is not None and last_done >= day else day


def next_moment(now: datetime, at: time, zone: ZoneInfo) -> datetime:
    """The first moment after ``now`` at which a day's run becomes due."""
    day = now.astimezone(zone).date() - timedelta(days=1)
    while moment_of(day, at, zone) <= now:
        day += timedelta(days=1)
    return moment_of(day, at, zone)
