"""A schema beside the live one: complete, so that no name in it can ever mean a live table."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from infra.broker.removal import groups_of, topics_of
from infra.settings import Settings
from infra.warehouse import connect, migrate
from infra.warehouse.schemas import schema_exists, schema_tables
from pipeline.replay.naming import ReplayName
from signaltape.initialisation import initialise
from signaltape.replay.errors import ReplayRefused
from signaltape.replay.place import ReplayPlace
from signaltape.replay.removal import Removed, is_taken, remove_replay
from tests.support.isolation import unique_name
from tests.support.live_state import live_state
from tests.support.plain_database import plain_database


@pytest.fixture
def place(settings: Settings) -> Iterator[ReplayPlace]:
    made = ReplayPlace(ReplayName(unique_name()), settings)
    yield made
    remove_replay(made)


def test_a_place_is_made_beside_the_live_one_and_removed_without_a_trace(
    settings: Settings, place: ReplayPlace
) -> None:
    initialise(settings)
    before = live_state(settings)
    report = initialise(place.settings)
    live = schema_tables(settings, "public")
    assert schema_tables(settings, place.name.schema) == live
    assert all(name.startswith(place.name.prefix) for name in report.topics)
    assert initialise(place.settings).topics == ()
    with connect(place.settings) as connection:
        for table in live:
            found = connection.execute("SELECT %s::regclass::oid = %s::regclass::oid", (table, f"public.{table}"))
            assert found.fetchone() == (False,), table
        with pytest.raises(
            psycopg.errors.UndefinedFunction
        ):  # nothing of the live schema is in sight, functions neither
            connection.execute("SELECT create_hypertable('bars', 'event_time')")
    removed = remove_replay(place)
    assert (removed.topics, removed.tables) == (len(report.topics), len(live))
    assert removed.groups > 0
    assert not is_taken(place)
    assert remove_replay(place) == Removed(groups=0, topics=0, tables=0, keys=0, folder=False)
    assert live_state(settings) == before


def test_an_id_that_begins_another_is_another(settings: Settings) -> None:
    ident = unique_name()
    places = [ReplayPlace(ReplayName(one), settings) for one in (ident, f"{ident}2", f"{ident}-2")]
    try:
        for one in places:
            initialise(one.settings)
        remove_replay(places[0])
        for one in places[1:]:
            assert topics_of(settings, one.name.prefix)
            assert groups_of(settings, one.name.prefix)
            assert schema_exists(settings, one.name.schema)
    finally:
        for one in places:
            remove_replay(one)


def test_a_schema_never_brings_the_extension_along(
    settings: Settings, place: ReplayPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made within the schema, it would go with it."""
    with connect(settings) as connection:
        connection.execute("DROP EXTENSION IF EXISTS timescaledb CASCADE")
    report = migrate(place.settings)
    assert report.timescale is None
    with connect(settings) as connection:
        assert connection.execute("SELECT FROM pg_extension WHERE extname = 'timescaledb'").fetchone() is None
    migrate(plain_database(settings, monkeypatch))
    assert schema_tables(settings, place.name.schema) == schema_tables(settings, "public")


def test_a_replay_of_a_replay_is_refused(make_settings: Callable[..., Settings]) -> None:
    inner = make_settings(topics={"prefix": "replay-a."})
    with pytest.raises(ReplayRefused, match="those of a replay"):
        ReplayPlace(ReplayName("b"), inner)
