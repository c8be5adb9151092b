"""A replay beside the pipeline that history is of: the same content, and nothing of the live side touched."""

from collections.abc import Iterator

import pytest
from psycopg import sql

from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse import connect
from infra.warehouse.moments import to_moment
from pipeline.replay.naming import ReplayName
from schemas.signals import Signal
from signaltape.replay.place import ReplayPlace
from signaltape.replay.removal import is_taken, remove_replay
from signaltape.replay.request import ReplayRequest
from signaltape.replay.run import Listener, run_replay
from tests.support.content import COLUMNS
from tests.support.explained_run import SWAPPED, at, explained_run
from tests.support.isolation import unique_name
from tests.support.live_state import live_state

#: After the warm-up; before a model that never answers in time is deployed, whose fallbacks no replay can derive.
START, END = at(20), at(SWAPPED - 1)


@pytest.fixture(scope="module")
def flown(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with explained_run(endpoints, tmp_path_factory.mktemp("replayed")) as settings:
        yield settings


@pytest.fixture
def place(flown: Settings) -> Iterator[ReplayPlace]:
    made = ReplayPlace(ReplayName(unique_name()), flown)
    yield made
    remove_replay(made)
    assert not is_taken(made)
    assert not made.folder.exists()


def rows(settings: Settings, table: str, symbols: tuple[str, ...] = ()) -> list[str]:
    """Rows of the range, without places in a log and clocks of machines."""
    chosen = sql.SQL(", ").join(map(sql.Identifier, COLUMNS[table].split()))
    query = sql.SQL("SELECT {} FROM {} WHERE event_time BETWEEN %s AND %s").format(chosen, sql.Identifier(table))
    with connect(settings) as connection:
        found = connection.execute(query, (to_moment(START), to_moment(END))).fetchall()
    return sorted(map(repr, found)) if not symbols else sorted(repr(row) for row in found if set(row) & set(symbols))


@pytest.mark.parametrize("source", ["topic", "store"])
def test_a_replay_makes_what_was_made_live_and_touches_nothing_of_it(
    flown: Settings, place: ReplayPlace, source: str
) -> None:
    before, heard = live_state(flown), list[Signal]()
    request = ReplayRequest(name=place.name, start=START, end=END, source=source)
    report = run_replay(place, request, Listener(signal=heard.append))
    for table in ("bars", "features", "returns", "predictions", "signals"):
        expected, found = rows(flown, table), rows(place.settings, table)
        assert len(expected) > 40, table
        assert found == expected, table
    assert [repr(one) for one in sorted(one.signal_id for one in heard)] == signal_ids(flown)
    assert report.source == source
    assert report.lead_bars > 0
    assert live_state(flown) == before


def signal_ids(settings: Settings) -> list[str]:
    query = "SELECT signal_id FROM signals WHERE event_time BETWEEN %s AND %s ORDER BY 1"
    with connect(settings) as connection:
        return [repr(row[0]) for row in connection.execute(query, (to_moment(START), to_moment(END)))]
