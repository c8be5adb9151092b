"""Times, ranges and names as a person writes them on the page *Data*."""

from dataclasses import replace
from types import MappingProxyType

import pytest

from schemas.intervals import DAY, HOUR, MINUTE
from signaltape.console.data.catalogue import Held, search
from signaltape.console.data.moments import moment
from signaltape.console.data.ranges import asked_range, usual_days
from signaltape.serving.errors import ServingError

pytestmark = pytest.mark.unit
NOW = 20_000 * DAY + 7 * HOUR
HELD = Held(MappingProxyType({"AB": {"1m": NOW - HOUR}, "ab<i>": {"1d": NOW - DAY}, "XAB": {"1m": NOW - 2 * HOUR}}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("-15m", NOW - 15 * MINUTE),
        ("now - 2h", NOW - 2 * HOUR),
        ("Newest", NOW - HOUR),
        ("newest-1d", NOW - HOUR - DAY),
        ("1970-01-02T00:00:00Z", DAY),
        ("2024-10-04T02:00:00-05:00", NOW),
        (str(NOW), NOW),
    ],
)
def test_times(text: str, expected: int) -> None:
    assert moment(text, now=NOW, newest=NOW - HOUR) == expected


@pytest.mark.parametrize(
    "text", ["", " ", "soon", "2024-10-04", "2024-10-04T02:00:00", "-15", "-15y", "9" * 40, "1700000000", "newest+1h"]
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ServingError) as raised:
        moment(text, now=NOW, newest=NOW)
    assert raised.value.code == "bad_time"


def test_newest_needs_a_bar() -> None:
    with pytest.raises(ServingError, match="no bar"):
        moment("newest", now=NOW, newest=None)


def asked(begin: str = "", end: str = "") -> tuple[int, int, bool]:
    found = asked_range(HELD, begin, end, interval=None, symbol=None, now=NOW, days=5, most_days=30)
    return found.after, found.until, found.cut


def test_ranges_are_cut_to_their_newest_part() -> None:
    newest = NOW - HOUR
    assert asked() == (20_001 * DAY - 5 * DAY, newest, False)
    assert asked("newest-30d") == (newest - 30 * DAY, newest, False)
    assert asked("newest-31d") == (newest - 30 * DAY, newest, True)
    with pytest.raises(ServingError, match="empty"):
        asked("now", "now")


def test_names_that_begin_so_come_before_those_that_hold_it() -> None:
    found = search(HELD, "aB", 10)
    assert [one["symbol"] for one in found["symbols"]] == ["AB", "ab<i>", "XAB"]
    assert search(HELD, "a", 1)["truncated"]
    assert search(HELD, "", 10)["matching"] == 3
    with pytest.raises(ServingError) as raised:
        HELD.known("YZ")
    assert raised.value.code == "unknown_symbol"


def test_a_name_beyond_those_that_are_held_is_not_said_to_have_no_bar() -> None:
    with pytest.raises(ServingError, match="among the 50,000 symbols and intervals"):
        replace(HELD, complete=False).known("YZ")


def test_a_large_universe_is_begun_with_one_day() -> None:
    large = Held(MappingProxyType({f"S{at}": {"1m": NOW} for at in range(1_001)}))
    assert [usual_days(one, "1m", None, 20) for one in (HELD, large)] == [5, 1]
    assert usual_days(large, "1d", None, 20) == usual_days(large, "1m", "S1", 20) == 20
