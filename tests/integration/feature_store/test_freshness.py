"""How old stored features are, who is warming up, what awaits repair: as `signaltape status` shows it."""

import time
from dataclasses import replace
from datetime import UTC, datetime

from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse import connect
from infra.warehouse.freshness import stored_state
from infra.warehouse.moments import to_moment
from schemas.intervals import MINUTE
from signaltape.cli.stored_state import stored_document, stored_lines
from tests.support.feature_facts import Fact, insert
from tests.support.isolation import process_environment

BAR = """
INSERT INTO bars (symbol, interval, event_time, source, revision, available_time, feed, status,
                  open, high, low, close, partition, source_offset, row_index)
VALUES (%s, '1m', now(), 'a', 0, now(), 'a', 'first', 1, 1, 1, 1, 0, 0, 0)
"""


def test_what_status_shows(filled: Settings, endpoints: Endpoints, monkeypatch) -> None:
    now = time.time_ns() // MINUTE * MINUTE
    facts = [
        Fact(entity=name, event=at, available=at, ingest=at)
        for name, at in (("FRESH", now - MINUTE), ("FRESH", now - 3000 * MINUTE), ("OLD", now - 2000 * MINUTE))
    ]
    with connect(filled) as connection:
        insert(connection, facts)
        for name in ("FRESH", "OLD", "NEW", "NEWER"):
            connection.execute(BAR, (name,))
        connection.execute(
            "INSERT INTO repair_requests (partition, source_offset, symbol, interval, event_time, reason)"
            " VALUES (0, 5, 'OLD', '1m', now(), 'late'), (0, 6, 'OLD', '1m', now(), 'revision')"
        )
        state = stored_state(connection, 86_400.0)
    assert state is not None
    one, *cold = state.features
    assert (one.feature_set, one.set_version, one.interval) == ("core", 1, "1m")
    assert cold, "a set without any vector yet is shown too"
    assert {(other.warm, other.warming, other.newest, other.age_s) for other in cold} == {(0, 4, None, None)}
    assert (one.warm, one.warming, one.stale, one.newest) == (2, 2, 1, to_moment(now - MINUTE))
    assert 60.0 <= one.age_s < 180.0
    assert (state.awaiting_repair, state.open_repairs) == ((("OLD", "1m"),), 2)

    for name, value in process_environment(filled).items():
        monkeypatch.setenv(name, value)
    here = replace(endpoints, postgres_dsn=filled.postgres.dsn)
    document = stored_document(here)
    assert datetime.fromisoformat(document["features"][0]["newest"]) == to_moment(now - MINUTE).astimezone(UTC)
    text = "\n".join(stored_lines(here))
    assert "core 1, 1m: 2 symbols warm, 2 warming up, newest close" in text
    assert "1 STALE" in text
    assert ", 1m: 0 symbols warm, 4 warming up\n" in text
    assert "repairs   2 requests open: OLD (1m)" in text


def test_without_tables_nothing_is_claimed(settings: Settings) -> None:
    with connect(settings) as connection:
        assert stored_state(connection, 1.0) is None
