"""What the page *Data* reads: point in time as the feature store has it, quality, coverage, corrections."""

import time
from typing import Any

import pytest

from infra.feature_store import FeatureStore
from infra.warehouse import connect
from infra.warehouse.bar_quality import quality_report
from infra.warehouse.corrections import list_corrections
from infra.warehouse.moments import to_nanoseconds
from schemas.intervals import DAY, MINUTE
from schemas.times import iso
from tests.support.console_world import HOSTILE, ConsoleWorld
from tests.support.explained_run import LATE, REVISED, at

pytestmark = pytest.mark.integration


def get(world: ConsoleWorld, path: str, **query: Any) -> Any:
    answer = world.api.get(f"/console/api/data/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(world: ConsoleWorld, path: str, **query: Any) -> tuple[int, str, str]:
    answer = world.api.get(f"/console/api/data/{path}", params=query)
    return answer.status_code, answer.json()["error"]["code"], answer.json()["error"]["message"]


def line_of(found: dict[str, Any], close: int) -> dict[str, Any]:
    return next(one for one in found["bars"] if one["close_time"] == close)


def test_a_revised_bar_is_the_first_one_then_and_the_revision_now(console_world: ConsoleWorld) -> None:
    symbol, bar = REVISED
    found = get(console_world, "look", symbol=symbol, interval="1m", at=iso(at(bar)), knowledge="available")
    line = line_of(found, at(bar))
    assert (line["then"]["revision"], line["now"]["revision"]) == (0, 1)
    assert "close" in line["changed"]
    assert "revision 1 came in place of revision 0" in line["why"]
    after = get(console_world, "look", symbol=symbol, interval="1m", at="now")
    assert all(not one["why"] for one in after["bars"])


def test_a_late_bar_was_not_known_then(console_world: ConsoleWorld) -> None:
    symbol, bar = LATE
    found = get(console_world, "look", symbol=symbol, interval="1m", at=iso(at(bar)), knowledge="available")
    line = line_of(found, at(bar))
    assert line["then"] is None
    assert line["now"]["status"] == "late"
    assert "came late: available since" in line["why"]


def test_features_then_are_those_of_the_feature_store(console_world: ConsoleWorld) -> None:
    symbol, bar = REVISED
    moment = at(bar) + MINUTE
    with FeatureStore(console_world.settings, feature_set="core", interval="1m") as store:
        frame = store.get_latest([symbol], None, moment, knowledge="available")
        newest = store.get_latest([symbol], None, at(bar) + 30 * MINUTE, knowledge="available")
    found = get(console_world, "look", symbol=symbol, interval="1m", at=iso(moment), knowledge="available")
    assert found["close"] == int(frame.event_time[0]) == moment
    then = [one["then"] for one in found["features"]["values"]]
    assert then == [float(v) if ok else None for v, ok in zip(frame.values[0], frame.valid[0], strict=True)]
    assert found["features"]["changed"] > 0
    assert "revision of the bar of" in found["features"]["why"]
    assert newest.known.all()
    # Another close is chosen by its instant, exactly.
    other = get(console_world, "look", symbol=symbol, interval="1m", at="now", close=found["close_text"])
    assert other["close"] == moment
    assert other["features"]["then"]["kind"] == "correction"
    assert other["features"]["changed"] == 0


def test_before_the_first_bar_nothing_was_known(console_world: ConsoleWorld) -> None:
    found = get(console_world, "look", symbol="S000", interval="1m", at=iso(at(0) - DAY))
    assert found["bars"] == []
    assert found["close"] is None
    assert found["first_close"] == at(0)


def test_a_time_that_lies_ahead_is_taken_as_now_and_said(console_world: ConsoleWorld) -> None:
    found = get(console_world, "look", symbol="S000", at=iso(time.time_ns() + DAY))
    assert found["future"]
    assert found["at"] <= time.time_ns()
    assert not get(console_world, "look", symbol="S000", at="-15m")["future"]


@pytest.mark.parametrize(
    ("query", "code", "part"),
    [
        ({"symbol": "S000", "at": "soon"}, "bad_time", "is no time"),
        ({"symbol": "S000", "at": "2024-01-02T21:00:00"}, "bad_time", "no zone"),
        ({"symbol": "S000", "at": "1700000000"}, "bad_time", "is no time"),
        ({"symbol": "NOBODY"}, "unknown_symbol", "no bar of 'NOBODY' is stored"),
        ({"symbol": "S\0"}, "unknown_symbol", "no name"),
        ({"symbol": "S000", "interval": "4h"}, "no_interval", "is stored"),
        ({"symbol": "S000", "interval": "1m", "set": "nothing"}, "cannot", "nothing"),
    ],
)
def test_what_can_not_be_looked_at_is_said(
    console_world: ConsoleWorld, query: dict[str, str], code: str, part: str
) -> None:
    status, found, message = refused(console_world, "look", **query)
    assert (status, found) == (404 if code == "unknown_symbol" else 422, code)
    assert part in message


@pytest.mark.parametrize("symbol", HOSTILE)
def test_hostile_symbols_are_symbols(console_world: ConsoleWorld, symbol: str) -> None:
    found = get(console_world, "look", symbol=symbol, at="newest")
    assert found["symbol"] == symbol
    assert found["bars"]
    names = [one["symbol"] for one in get(console_world, "symbols", q=symbol[:6])["symbols"]]
    assert symbol in names


def test_symbols_are_searched_by_their_beginning_first_and_bounded(console_world: ConsoleWorld) -> None:
    found = get(console_world, "symbols", q="simd", limit=10**6)
    assert len(found["symbols"]) == 50
    assert (found["matching"], found["truncated"]) == (60, True)
    within = [one["symbol"] for one in get(console_world, "symbols", q="00")["symbols"]]
    assert within[0] != within[-1]
    begin = get(console_world, "symbols", q="S00", limit=1)["symbols"]
    assert begin[0]["symbol"] == "S000"
    assert get(console_world, "symbols", q="no such")["symbols"] == []


def test_quality_is_that_of_the_report(console_world: ConsoleWorld) -> None:
    found = get(console_world, "quality", **{"from": iso(at(0) - MINUTE), "to": iso(at(60))})
    assert (found["after"], found["until"]) == (at(0) - MINUTE, at(60))
    with connect(console_world.settings) as connection:
        lines = quality_report(connection, after=at(0) - MINUTE, until=at(60))
    expected = {(one.symbol, one.interval): (one.bars, one.marked, one.marks) for one in lines}
    assert {(one["symbol"], one["interval"]): (one["bars"], one["marked"], one["marks"]) for one in found["lines"]} == (
        expected
    )
    minutes = [one for one in found["days"] if one["interval"] == "1m"]
    assert sum(one["late"] for one in minutes) >= 1
    assert sum(one["corrections"] for one in minutes) >= 1
    assert max(one["lag_s"] for one in minutes) > 0


def test_a_range_that_is_too_long_is_cut_to_its_newest_part(console_world: ConsoleWorld) -> None:
    found = get(console_world, "quality", **{"from": "2001-01-01T00:00:00Z"})
    assert found["truncated"]
    assert found["until"] - found["after"] == found["limit_days"] * DAY
    status, code, _ = refused(console_world, "quality", **{"from": "now", "to": "now-1d"})
    assert (status, code) == (422, "bad_range")


def test_coverage_counts_the_bars_of_symbols_and_days(console_world: ConsoleWorld) -> None:
    found = get(console_world, "coverage", interval="1d", q="SIMD")
    assert found["matching"] == 60
    assert found["days"]
    for day in found["days"]:
        assert day["symbols"] <= 60
        assert day["most"] == 1
    assert {bars for one in found["symbols"] for bars in one["bars"]} <= {0, 1}
    assert get(console_world, "coverage", interval="1d", q="nothing like it")["symbols"] == []


def test_corrections_are_those_of_the_command_in_pages(console_world: ConsoleWorld) -> None:
    with connect(console_world.settings) as connection:
        listed = list_corrections(connection)
    assert len(listed) >= 2
    found, before = [], None
    while True:
        page = get(console_world, "corrections", limit=1, **({} if before is None else {"before": before}))
        found += page["corrections"]
        before = page["next"]
        if before is None:
            break
    assert [(one["symbol"], one["event_time"], one["reason"], one["feature_rows"]) for one in found] == [
        (one.symbol, to_nanoseconds(one.event_time), one.reason, one.feature_rows) for one in reversed(listed)
    ]
    assert get(console_world, "corrections", limit=10**6)["limit"] == 200
    assert get(console_world, "corrections", symbol="NOBODY")["corrections"] == []
