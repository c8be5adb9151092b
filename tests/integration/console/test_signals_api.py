"""What the page Signals reads: what the tables and `signaltape explain` say, bounded, and clear about bad input."""

import math
import re
from typing import Any
from urllib.parse import quote

import pytest

from infra.settings import Settings
from infra.warehouse import connect
from infra.warehouse.connection import Connection
from infra.warehouse.console_signals import Place, TapeFilter, stored_tape
from infra.warehouse.migrator import migrate
from schemas.intervals import SECOND
from signaltape.explanation.document import document
from signaltape.explanation.explain import explain_signal
from tests.support.console_world import HOSTILE, ConsoleWorld
from tests.support.explained_run import LATE, NEVER, SYMBOLS, at
from tests.support.stored_signals import closed, store_signals
from tests.support.waiting import wait_for


def get(world: ConsoleWorld, path: str, status: int = 200, **query: Any) -> Any:
    answer = world.api.get(f"/console/api/signals/{path}", params=query)
    assert answer.status_code == status, answer.text
    return answer.json()


def plan_of(connection: Connection, wanted: TapeFilter, limit: int) -> str:
    """How Postgres answers what the tape asks."""
    lines: list[str] = []

    class Explaining:
        def execute(self, query: str, values: dict[str, Any]) -> list[Any]:
            text = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) " + query
            lines.extend(line for (line,) in connection.execute(text.encode(), values))
            return []

    explaining: Any = Explaining()
    stored_tape(explaining, wanted, limit)
    return "\n".join(lines)


def tape(world: ConsoleWorld, **query: Any) -> list[dict[str, Any]]:
    found = get(world, "tape", **query)
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


def rows(world: ConsoleWorld, query: str, *values: object) -> list[tuple[Any, ...]]:
    with connect(world.settings) as connection:
        return connection.execute(query.encode(), values).fetchall()


def test_the_tape_holds_what_was_sent_newest_first(console_world: ConsoleWorld) -> None:
    console_world.stand.bar()
    console_world.stand.settled()
    stored = [row[0] for row in rows(console_world, "SELECT signal_id FROM signals ORDER BY event_time DESC LIMIT 60")]
    shown = tape(console_world, limit=100)
    assert {one["id"] for one in shown} >= set(stored)
    assert len({one["id"] for one in shown}) == len(shown) == 100
    assert [one["time"] for one in shown] == sorted((one["time"] for one in shown), reverse=True)
    assert any(one["n"] for one in shown)  # the newest came over the topic, before the store had them


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"symbol": "S004"}, "symbol = 'S004'"),
        ({"symbol": "SIMD00*"}, "symbol LIKE 'SIMD00%'"),
        ({"symbol": HOSTILE[1]}, "symbol = '" + HOSTILE[1].replace("'", "''") + "'"),
        ({"symbol": HOSTILE[2], "direction": "short"}, f"symbol = '{HOSTILE[2]}' AND signal = 'short'"),
        ({"interval": "1d", "direction": "long"}, "interval = '1d' AND signal = 'long'"),
        ({"strategy": "daily", "confidence": 0.6}, "strategy = 'daily' AND confidence >= 0.6"),
        ({"model": "second:1"}, "'second:1' = ANY (models)"),
        ({"model": "daily"}, "model = 'daily'"),
    ],
)
def test_filters_choose_what_sql_chooses(console_world: ConsoleWorld, query: dict[str, Any], where: str) -> None:
    ((count,),) = rows(console_world, f"SELECT count(*) FROM signals WHERE {where}".replace("%", "%%"))
    shown = tape(console_world, limit=2_000, **query)
    assert len(shown) == min(count, 2_000)
    assert shown or not count


def test_a_huge_limit_is_cut_and_said(console_world: ConsoleWorld) -> None:
    found = get(console_world, "tape", limit=10**9)
    assert (found["limit"], found["truncated"], len(found["rows"])) == (2_000, True, 2_000)


def test_pages_lead_to_the_oldest_signal_and_hold_each_once(console_world: ConsoleWorld) -> None:
    console_world.stand.settled()
    query = {"limit": 700}
    seen: list[str] = []
    found = get(console_world, "tape", **query)
    while True:
        seen += [row[1] for row in found["rows"]]
        assert found["end"] == (found["next"] is None) == (not found["truncated"])
        if found["end"]:
            break
        found = get(console_world, "tape", **query, older=found["next"])
    stored = rows(console_world, "SELECT signal_id FROM signals"
                                 " ORDER BY event_time DESC, seq DESC, signal_id COLLATE \"C\" DESC")  # fmt: skip
    assert len(stored) > 3 * 700
    assert seen == [ident for (ident,) in stored]


def test_older_signals_of_a_large_table_are_found_by_an_index(settings: Settings) -> None:
    """However many there are: neither the first page nor one from the middle reads more than it shows, and its bar."""
    migrate(settings)
    now, each = 1_700_145_000 * SECOND, 100
    store_signals(settings, 60_000, symbols=each, newest=now, prefix="S")
    middle = Place(event_time=closed(now, 300), seq=1, signal_id="f" * 32)
    for wanted in (TapeFilter(), TapeFilter(behind=middle), TapeFilter(before=middle.event_time)):
        with connect(settings) as connection:
            plan = plan_of(connection, wanted, 1_000)
        assert "Seq Scan" not in plan
        read = max(int(count) for count in re.findall(r"signals_time.*?rows=(\d+)", plan))
        assert read <= 1_000 + 2 * each, plan


def test_the_newest_of_each_symbol(console_world: ConsoleWorld) -> None:
    found = get(console_world, "symbols")
    shown = [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]
    newest = rows(console_world, "SELECT DISTINCT ON (symbol, interval) symbol, interval, signal_id FROM signals"
                                 " ORDER BY symbol, interval, event_time DESC, seq DESC")  # fmt: skip
    assert {(one["symbol"], one["interval"], one["id"]) for one in shown} == set(newest)


def test_one_signal_is_explained_as_on_the_command_line(console_world: ConsoleWorld) -> None:
    one = tape(console_world, limit=1, symbol="S004")[0]
    found = get(console_world, f"explain/{one['id'][:12]}")
    assert found["signal"].pop("expired") is True
    assert found.pop("event_time_text") == str(found["event_time"]) == str(one["time"])
    said = document(explain_signal(console_world.settings, one["id"]))
    assert found == {**said, "signal": {**said["signal"], "models": list(said["signal"]["models"]),
                                        "source": list(said["signal"]["source"])}}  # fmt: skip
    assert found["recomputation"]["verdict"] == "agrees"


@pytest.mark.parametrize(
    ("symbol", "bar", "code"),
    [
        (LATE[0], LATE[1], "late"),
        (NEVER[0], NEVER[1], "no_bar"),
        ("S001", 46, "paused"),
        ("S002", 66, "filtered_symbol"),
    ],
)
def test_why_there_was_none(console_world: ConsoleWorld, symbol: str, bar: int, code: str) -> None:
    found = get(console_world, "explain", symbol=symbol, at=str(at(bar)), interval="1m")
    assert found["signal"] is None
    assert code in [one["code"] for one in found["reasons"]]


def test_hostile_symbols_are_explained_as_any(console_world: ConsoleWorld) -> None:
    for symbol in HOSTILE:
        found = get(console_world, "explain", symbol=symbol, at=str(at(60)), interval="1m")
        assert found["symbol"] == symbol
        assert found["recomputation"]["verdict"] == "agrees"
        held = get(console_world, "held", symbol=symbol)
        assert held["rows"]


def test_the_price_around_and_the_return_that_followed(console_world: ConsoleWorld) -> None:
    symbol, place = (
        "SIMD0001",
        "SELECT event_time FROM bars WHERE symbol = 'SIMD0001' ORDER BY event_time OFFSET %s LIMIT 1",
    )
    ((moment,),) = rows(console_world, place, 90)
    when = moment.isoformat()
    found = get(console_world, "around", symbol=symbol, interval="1d", at=when, horizon=5)
    closes = {bar["event_time"]: bar["close"] for bar in found["bars"]}
    times = sorted(closes)
    here = times.index(found["at"])
    outcome = found["outcome"]
    assert outcome["matured"]
    assert outcome["until"] == times[here + 5]
    assert outcome["log_return"] == pytest.approx(math.log(closes[times[here + 5]] / closes[times[here]]), abs=1e-12)
    ((newest,),) = rows(console_world, "SELECT max(event_time) FROM bars WHERE symbol = 'SIMD0001'")
    late = get(console_world, "around", symbol=symbol, interval="1d", at=newest.isoformat(), horizon=5)["outcome"]
    assert (late["matured"], late["log_return"], late["bars"]) == (False, None, 0)


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("explain/ffffffffffffffffffffffffffffffff", {}, "cannot"),
        ("explain/no-id", {}, "cannot"),
        ("explain", {"symbol": "S004", "at": "yesterday"}, "bad_time"),
        ("explain", {"symbol": "S004", "at": "2024-10-04T00:57:00"}, "bad_time"),  # no zone
        ("explain", {"symbol": "S000", "at": "2024-10-04T00:55:00Z"}, "which"),  # on two intervals
        ("explain", {"symbol": "", "at": "now"}, "unknown_symbol"),
        ("tape", {"interval": "7m"}, "no_interval"),
        ("tape", {"confidence": "nan"}, "invalid"),
        ("tape", {"direction": "up"}, "invalid"),
        ("tape", {"older": "1.2.'; DROP TABLE signals"}, "no_place"),
        ("tape", {"older": "99999999999999999999.1.aa"}, "no_place"),
        ("held", {"symbol": "x" * 129}, "unknown_symbol"),
        ("around", {"symbol": "S004", "interval": "1m", "at": "now", "horizon": 10**9}, "invalid"),
    ],
)
def test_bad_questions_are_answered_with_what_is_wrong(
    console_world: ConsoleWorld, path: str, query: dict[str, Any], code: str
) -> None:
    answer = console_world.api.get(f"/console/api/signals/{quote(path)}", params=query)
    assert 400 <= answer.status_code < 500
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["message"]


def test_notices_tell_what_changed(console_world: ConsoleWorld) -> None:
    found = wait_for(lambda: get(console_world, "tape", limit=1)["notices"], 30, "notices")
    kinds = {one["kind"] for one in found}
    assert {"paused", "swapped", "parameters"} <= kinds
    assert any(one["symbols"] == ["S001"] for one in found if one["kind"] == "paused")
    assert set(SYMBOLS) > {"S001"}
