"""A replay beside the pipeline that history is of: the same content, and nothing of the live side touched."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from psycopg import sql

from infra.broker.admin import admin_client
from infra.history.errors import HistoryError
from infra.service_settings import EngineSettings
from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse import connect
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.schemas import schema_tables
from pipeline.deployments import ModelRef
from pipeline.replay.naming import ReplayName
from producers.bar_files import write_bars
from schemas.signals import Signal
from schemas.times import iso
from schemas.topics import TopicNames
from signaltape.client import BarFile
from signaltape.replay.errors import ReplayRefused, ReplayUsageError
from signaltape.replay.managing import cancel, known, pause, resume
from signaltape.replay.place import ReplayPlace
from signaltape.replay.record import records
from signaltape.replay.removal import is_taken, remove_replay
from signaltape.replay.request import EVER, ReplayRequest
from signaltape.replay.run import Listener, run_replay
from signaltape.replay.sources import open_source
from tests.support.content import COLUMNS
from tests.support.explained_run import SWAPPED, at, explained_run
from tests.support.isolation import process_environment, unique_name
from tests.support.live_state import live_state
from tests.support.planted_changes import planted
from tests.support.replay_process import ReplayProcess
from tests.support.world import small_market

TABLES = ("bars", "features", "returns", "predictions", "signals")
#: Bars of the range that are stored twice: a revision beside what it revises.
TWICE = 0
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
    return sorted(repr(row) for row in found if not symbols or any(symbol in row for symbol in symbols))


def digests(settings: Settings, stages: tuple[str, ...]) -> list[Any]:
    """What the agents themselves added up of the range, by stage, subject and bar time."""
    query = (
        "SELECT stage, subject, interval, event_time, sum(row_count), mod(sum(first_lane::numeric), 2::numeric ^ 64),"
        " mod(sum(second_lane::numeric), 2::numeric ^ 64) FROM digests"
        " WHERE event_time BETWEEN %s AND %s AND stage = ANY (%s) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
    )
    with connect(settings) as connection:
        return [
            (*row[:5], row[5] % 2**64, row[6] % 2**64)
            for row in connection.execute(query, (to_moment(START), to_moment(END), list(stages)))
        ]


@pytest.mark.slow
def test_a_replay_makes_what_was_made_live_and_touches_nothing_of_it(flown: Settings, place: ReplayPlace) -> None:
    before, heard = live_state(flown), list[Signal]()
    report = run_replay(place, ReplayRequest(name=place.name, start=START, end=END), Listener(signal=heard.append))
    for table in TABLES:
        expected, found = rows(flown, table), rows(place.settings, table)
        assert len(expected) > 40, table
        assert found == expected, table
    stages = ("features", "predictions", "signals")
    assert digests(place.settings, stages) == digests(flown, stages) != []
    assert sorted(one.signal_id for one in heard) == signal_ids(flown)
    assert report.lead_bars > 0
    assert report.bars == len(rows(flown, "bars")) - TWICE
    assert schema_tables(flown, place.name.schema) == schema_tables(flown, "public")
    assert live_state(flown) == before


@pytest.mark.matrix
def test_one_symbol_and_another_from_the_topic(flown: Settings, place: ReplayPlace) -> None:
    """Offsets of the log are not those of the replay here: most messages on the way to a repair are left out."""
    symbols = ("S003", "S004")
    request = ReplayRequest(name=place.name, start=START, end=END, source="topic", symbols=symbols)
    report = run_replay(place, request)
    for table in TABLES:
        expected, found = rows(flown, table, symbols), rows(place.settings, table)
        assert len(expected) > 20, table
        assert found == expected, table
    assert report.source == "topic"
    assert report.counts.signals == len(rows(flown, "signals", symbols))


@pytest.mark.slow
def test_two_at_once_one_paused_resumed_and_killed(flown: Settings, place: ReplayPlace) -> None:
    """One is the example, which prints every signal of the range and leaves nothing. `kill -9` of the other leaves
    topics, groups, tables, keys and files behind, and `remove` finds them all.
    """
    before = live_state(flown)
    with ReplayProcess(flown, place.name.ident, START, END, "--speed", "60x") as slow:
        slow.wait_for("running", bars=1)
        pause(flown, place.name)
        paused = known(flown, place.name)
        assert paused.state == "paused"
        assert example(flown, "--from", iso(START), "--to", iso(END), "--speed", "max") == printed(flown)
        assert [one.ident for one in records(flown)] == [place.name.ident]
        assert known(flown, place.name).progress == paused.progress
        with pytest.raises(ReplayRefused, match="is running"):
            remove_replay(place)
        resume(flown, place.name)
        slow.wait_for("running", bars=paused.progress["bars"] + 1)
        slow.kill()
    assert known(flown, place.name).state == "died"
    assert is_taken(place)
    removed = remove_replay(place)
    assert min(removed.topics, removed.groups, removed.tables, removed.keys) > 0
    assert not is_taken(place)
    assert live_state(flown) == before


def example(settings: Settings, *arguments: str) -> list[str]:
    """Lines that the example prints of signals, sorted."""
    path = Path(__file__).parents[3] / "examples" / "replay_signals.py"
    assert f"python examples/{path.name}" in path.read_text()
    done = subprocess.run(
        [sys.executable, str(path), *arguments],
        env=process_environment(settings), capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    assert last.endswith(f" {len(lines)} signals")
    return sorted(lines)


def printed(settings: Settings) -> list[str]:
    """The same from the live table."""
    query = "SELECT event_time, symbol, signal, score FROM signals WHERE event_time BETWEEN %s AND %s"
    with connect(settings) as connection:
        return sorted(
            f"{iso(to_nanoseconds(time))}  {symbol:8} {signal:5} {score:+.5f}"
            for time, symbol, signal, score in connection.execute(query, (to_moment(START), to_moment(END)))
        )


@pytest.mark.matrix
def test_an_id_in_use_and_a_cancelled_replay(flown: Settings, place: ReplayPlace) -> None:
    ident = place.name.ident
    with ReplayProcess(flown, ident, START, END, "--speed", "60x") as one:
        one.wait_for("running", bars=1)
        with pytest.raises(ReplayRefused, match=f"replay remove {ident}"):
            run_replay(place, ReplayRequest(name=place.name, start=START, end=END), remove=True)
        assert cancel(flown, place.name).state == "cancelled"
        out, err = one.finish(130)
    assert out == ""
    assert f"`signaltape replay remove {ident}` removes it" in err
    with pytest.raises(ReplayRefused, match="state: cancelled"):
        pause(flown, place.name)


@pytest.mark.slow
def test_a_file_with_a_model_of_choice(flown: Settings, place: ReplayPlace, tmp_path: Path) -> None:
    table = small_market(symbols=6, bars=60)
    write_bars(tmp_path / "bars.csv", table)
    start = sorted(set(table.event_time.tolist()))[30]
    source = BarFile(path=tmp_path / "bars.csv", interval="1m", stamp="close")
    request = ReplayRequest(
        name=place.name, start=start, end=EVER, source=source, model=ModelRef(name="first", version=0)
    )
    report = run_replay(place, request)
    assert report.lead_bars == int((table.event_time < start).sum())
    assert report.bars == int((table.event_time >= start).sum())
    with connect(place.settings) as connection:
        found = connection.execute("SELECT DISTINCT strategy, model, model_version, role, status FROM predictions")
        assert found.fetchall() == [("replay", "first", 2, "live", "ok")]
        count = connection.execute("SELECT count(*), min(event_time) FROM predictions").fetchone()
        warm = connection.execute(
            "SELECT count(*), min(event_time) FROM features WHERE event_time >= %s", (to_moment(start),)
        ).fetchone()
    assert count == warm
    assert count is not None
    assert count[0] == report.counts.features == report.counts.predictions > 100
    with pytest.raises(ReplayRefused, match="no model 'none' is registered"):
        run_replay(place, replace(request, model=ModelRef(name="none", version=0)))


def test_what_cannot_be_replayed(flown: Settings, place: ReplayPlace) -> None:
    """Nothing is made for it."""
    good = ReplayRequest(name=place.name, start=START, end=END)
    with pytest.raises(HistoryError, match="stored bars close from"):
        run_replay(place, replace(good, start=1, end=2))
    with pytest.raises(ReplayUsageError, match="the log has no bar of NOBODY"):
        run_replay(place, replace(good, symbols=("S001", "NOBODY")))
    with connect(flown) as connection:
        connection.execute("UPDATE feature_sets SET set_hash = 'x' || set_hash WHERE feature_set = 'core'")
        try:
            with pytest.raises(ReplayRefused, match="feature set core has changed since"):
                run_replay(place, good)
        finally:
            connection.execute("UPDATE feature_sets SET set_hash = substr(set_hash, 2) WHERE feature_set = 'core'")
        connection.execute("UPDATE models SET removed_at = now() WHERE name = 'first' AND version = 2")
        try:
            with pytest.raises(ReplayRefused, match=r"first:2 was removed .* Give --model"):
                run_replay(place, good)
        finally:
            connection.execute("UPDATE models SET removed_at = NULL")
    with planted(flown, "feature_writers", "UPDATE feature_writers SET numerics = 'another host'", count=None):
        (note,) = open_source(flown, good).notes
    assert note.startswith("features were made under the arithmetic another host then")
    assert open_source(flown, good).notes == ()
    minimal = ReplayPlace(place.name, flown.model_copy(update={"engine": EngineSettings(feature_sets=("minimal",))}))
    with pytest.raises(ReplayRefused, match=r"first:1 predicts from feature set core.* would never be asked"):
        run_replay(minimal, replace(good, model=ModelRef(name="first", version=1)))
    expire(flown, 5)
    with pytest.raises(HistoryError, match="give --source store"):
        run_replay(place, replace(good, source="topic"))
    assert not is_taken(place)
    assert not place.folder.exists()


def expire(settings: Settings, below: int) -> None:
    """Take the first messages of a partition out of the topic, as retention does."""
    place = TopicPartition(TopicNames(settings.topics.prefix).bars, 0, below)
    admin = admin_client(settings)  # must live until the futures are settled
    for future in admin.delete_records([place]).values():
        future.result()


def signal_ids(settings: Settings) -> list[str]:
    query = "SELECT signal_id FROM signals WHERE event_time BETWEEN %s AND %s ORDER BY 1"
    with connect(settings) as connection:
        return [row[0] for row in connection.execute(query, (to_moment(START), to_moment(END)))]
