"""History loaded in bulk, then live bars: what is stored equals, bit for bit, what one uninterrupted run computes.

The expectation is the offline computation over the whole table, read against the tables with a bare client.
"""

import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import psycopg
import pytest

from consumers.feature_agent.takeover import engine_config
from infra.broker.publisher import Publisher
from infra.broker.reading import read_topic
from infra.feature_store import FeatureStore
from infra.settings import Settings
from infra.warehouse.backfills import BackfillConflict, BackfillWriter
from infra.warehouse.moments import to_moment
from pipeline.engine import PartitionEngine
from pipeline.offline import compute
from producers.bar_files import write_bars
from producers.bar_table import BarTable
from producers.history import Availability
from schemas.bars import Adjustment, StateRepair
from schemas.codec import decode, encode
from schemas.partitioning import partition_of
from schemas.topics import TopicNames
from signaltape.backfill import BackfillRequest, LoadOptions, run_backfill
from signaltape.backfill.errors import BackfillRefused
from signaltape.initialisation import initialise
from signaltape.reconcile import reconcile
from tests.support.feature_runs import chain_of, high_offsets, wait_done
from tests.support.killed import exit_code_at
from tests.support.services import running
from tests.support.world import publish, small_market

BARS = 110
MARKET = small_market(symbols=10, bars=BARS, seed=5)
TIMES = sorted(set(MARKET.event_time.tolist()))
HISTORY, LIVE = MARKET.between(end=TIMES[79]), MARKET.between(start=TIMES[79])
SMALL = LoadOptions(chunk=100)
#: A split inside the history, and one of another symbol that is pending at its end.
SPLITS = tuple(
    Adjustment(
        feed="f", source="world", symbol=symbol, factor=factor, effective_time=TIMES[at], available_time=TIMES[at]
    )
    for symbol, factor, at in (("SIM0002", 2.0, 60), ("SIM0004", 0.5, 85))
)
#: Where a load is killed, one process after the other, until it is through.
KILLS = (
    "backfill.4_encoded:2",
    "backfill.4_chunk:2",
    "backfill.5_first_state",
    "backfill.5_states",
)


def request(file: Path, **changes: object) -> BackfillRequest:
    whole = BackfillRequest(
        file=file, interval="1m", stamp="close", availability=Availability(lag=0), run="history", source="world"
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


@pytest.fixture
def history(tmp_path: Path) -> Path:
    write_bars(tmp_path / "history.parquet", HISTORY)
    return tmp_path / "history.parquet"


@pytest.fixture
def adjustments(tmp_path: Path) -> Path:
    lines = [f"{one.symbol},{one.effective_time},{one.factor}\n" for one in SPLITS]
    (tmp_path / "splits.csv").write_text("symbol,effective_time,factor\n" + "".join(lines))
    return tmp_path / "splits.csv"


def expected(table: BarTable, splits: tuple[Adjustment, ...] = ()) -> tuple[dict[object, bytes], dict[object, bytes]]:
    """Vectors by (symbol, time) and returns by (symbol, prediction time, horizon), as bytes."""
    whole = compute(table, "1m", splits=splits)
    vectors, returns = {}, {}
    for row, symbol in enumerate(whole.symbol.tolist()):
        key = symbol, to_moment(int(whole.event_time[row]))
        values = np.where(whole.valid[row], whole.values[row], np.nan)
        vectors[key] = np.append(values, whole.close[row]).tobytes()
        for horizon, column in whole.returns.items():
            if not np.isnan(column[row]):
                returns[*key, horizon] = column[row].tobytes()
    return vectors, returns


def stored(settings: Settings) -> tuple[dict[object, bytes], dict[object, bytes], dict[object, int]]:
    """The same from the tables: of several revisions the highest. And the revisions' number by key."""
    vectors, returns, revisions = {}, {}, {}
    with psycopg.connect(settings.postgres.dsn) as connection:
        connection.execute("SET timezone TO 'UTC'")
        for symbol, time, values, close in connection.execute(
            'SELECT symbol, event_time, "values", close FROM features ORDER BY revision'
        ):
            row = [np.nan if value is None else value for value in values]
            vectors[symbol, time] = np.append(row, close).tobytes()
            revisions[symbol, time] = revisions.get((symbol, time), 0) + 1
        for symbol, horizons, times, values in connection.execute(
            "SELECT symbol, horizons, prediction_times, log_returns FROM returns ORDER BY revision"
        ):
            for horizon, time, value in zip(horizons, times, values, strict=True):
                returns[symbol, time, horizon] = np.float64(value).tobytes()
    return vectors, returns, revisions


def assert_uninterrupted(settings: Settings, splits: tuple[Adjustment, ...] = ()) -> dict[object, int]:
    vectors, returns, revisions = stored(settings)
    wanted_vectors, wanted_returns = expected(MARKET, splits)
    assert vectors.keys() == wanted_vectors.keys()
    assert [key for key in vectors if vectors[key] != wanted_vectors[key]] == []
    # Of bars that are not warm yet the offline table has no row, and so no returns.
    assert wanted_returns.keys() <= returns.keys()
    assert [key for key in wanted_returns if returns[key] != wanted_returns[key]] == []
    return revisions


def count(settings: Settings, query: str) -> tuple[object, ...]:
    with psycopg.connect(settings.postgres.dsn) as connection:
        row = connection.execute(query).fetchone()  # type: ignore[arg-type]
        assert row is not None
        return row


@pytest.mark.slow
def test_killed_at_every_step_then_live_continues_without_a_gap(
    settings: Settings, history: Path, adjustments: Path
) -> None:
    initialise(settings)
    wanted = request(history, adjustments=adjustments)
    progress = []
    for place in KILLS:
        ended = exit_code_at(place, ["signaltape.backfill"], run_backfill, settings, wanted, SMALL)
        assert ended == -signal.SIGKILL, place
        progress.append(count(settings, "SELECT bars_done, (SELECT count(*) FROM bars) FROM backfills"))
    assert all(done == rows for done, rows in progress)
    assert 0 < progress[0][0] < progress[1][0] < progress[2][0] == len(HISTORY)  # type: ignore[operator]
    last = run_backfill(settings, wanted)
    assert (last.resumed, last.states, sum(last.inserted.values())) == (len(HISTORY), 10, 0)
    assert run_backfill(settings, wanted).done_before
    known_early = (
        "SELECT count(*) FROM features, backfills WHERE available_time < event_time OR ingest_time < started_at"
    )
    assert count(settings, known_early) == (0,)
    with running(settings, "features") as started:
        publish(settings, LIVE)
        wait_done(settings)
        assert started["features"].stop() == 0
    revisions = assert_uninterrupted(settings, SPLITS)
    assert set(revisions.values()) == {1, 2}
    assert sum(one == 2 for one in revisions.values()) == 10, "each symbol's last bar is published by its state, once"
    stages = [line for line in reconcile(settings).rows if line.stage.startswith(("bars", "features", "returns"))]
    assert len(stages) > 4
    assert [line for line in stages if not line.ok] == []
    assert count(settings, "SELECT count(*) FROM repair_requests") == (0,)
    assert count(settings, "SELECT count(*) FROM bars WHERE generation = 0") == (len(HISTORY),)
    assert count(settings, "SELECT count(*), min(event_time) FROM bars WHERE generation = 1") == (
        len(LIVE),
        to_moment(TIMES[80]),
    )


def test_bars_that_came_live_first_are_computed_anew_on_top_of_the_history(make_settings, history: Path) -> None:
    settings: Settings = make_settings(features={"round_messages": 5, "snapshot_messages": 5})
    initialise(settings)
    with running(settings, "features") as started:
        publish(settings, LIVE.between(end=TIMES[94]))
        run_backfill(settings, request(history), options=SMALL)
        publish(settings, LIVE.between(start=TIMES[94]))
        wait_done(settings)
        assert started["features"].stop() == 0
    assert_uninterrupted(settings)
    assert_cold_starts_serve_the_same(settings)


def assert_cold_starts_serve_the_same(settings: Settings) -> None:
    """From each kept snapshot on, an engine that starts cold yields what the agent, which never stopped, published."""
    names = TopicNames(settings.topics.prefix)
    log = list(read_topic(settings, names.bars))
    chain: list[tuple[int, bytes]] = chain_of(settings, names.features)
    served = [(partition, raw, decode(raw).link.position[0]) for partition, raw in chain]  # type: ignore[union-attr]
    with psycopg.connect(settings.postgres.dsn) as connection:
        kept = connection.execute("SELECT partition, source_offset, snapshot FROM engine_snapshots").fetchall()
    assert len(kept) == settings.topics.partitions
    for partition, start, snapshot in kept:
        engine = PartitionEngine.restore(engine_config(settings, partition), bytes(snapshot))
        rest = [one for one in log if one.partition == partition and one.offset >= start]
        assert any(isinstance(decode(one.value), StateRepair) for one in rest), "kept before the history came"
        cold = [encode(part) for one in rest for part in engine.step(decode(one.value), one.offset).features]  # type: ignore[arg-type]
        assert cold == [raw for number, raw, offset in served if number == partition and offset >= start]


def test_what_overlaps_is_refused_and_nothing_is_written(settings: Settings, history: Path, tmp_path: Path) -> None:
    """The bars lie in the topic; no feature agent has stored any of them."""
    initialise(settings)
    publish(settings, LIVE)
    before = high_offsets(settings)
    overlapping = tmp_path / "overlapping.csv"
    write_bars(overlapping, MARKET.between(end=TIMES[80]))
    with pytest.raises(BackfillRefused, match=r"the log has 1m bars .* from 2026-01-01 15:51:00Z on, and.*overlap"):
        run_backfill(settings, request(overlapping))
    with pytest.raises(BackfillRefused, match="from source 'world', the file's are from 'vendor'"):
        run_backfill(settings, request(history, source="vendor"))
    shallow = settings.model_copy(update={"engine": settings.engine.model_copy(update={"ring": 24})})
    with pytest.raises(BackfillRefused, match="SIM0000, SIM0001, SIM0002 and 7 more: the log already has 24 or more"):
        run_backfill(shallow, request(history))
    assert high_offsets(settings) == before
    assert count(settings, "SELECT (SELECT count(*) FROM bars), (SELECT count(*) FROM backfills)") == (0, 0)


def test_splits_of_the_log_that_the_file_does_not_name(settings: Settings, history: Path, adjustments: Path) -> None:
    initialise(settings)
    publisher = Publisher(settings, "splits")
    owner = partition_of("SIM0002", settings.topics.partitions)
    publisher.send(TopicNames(settings.topics.prefix).bars, owner, encode(SPLITS[0]))
    publisher.flush_acknowledged()
    with pytest.raises(BackfillRefused, match=r"SIM0002: the log has a split by 2.0.*name this split in --adjustments"):
        run_backfill(settings, request(history))
    (before,) = count(settings, "SELECT now()")
    assert run_backfill(settings, request(history, adjustments=adjustments)).states == 10
    pairs = [("SIM0002", before), ("SIM0000", to_moment(TIMES[79]))]
    with FeatureStore(settings) as store:
        ingested = store.get_point_in_time(pairs, ["logret_1"])
        available = store.get_point_in_time(pairs, ["logret_1"], knowledge="available")
    assert not ingested.valid.any(), "nothing of it was stored then"
    assert available.valid.all()
    assert available.source_revision.tolist() == [[0], [0]]
    with pytest.raises(BackfillRefused, match="is complete and was begun with another adjustments, source"):
        run_backfill(settings, request(history, source="vendor"))
    with pytest.raises(BackfillRefused, match="were loaded before, by the backfill 'history', up to 2026-01-01"):
        run_backfill(settings, request(history, run="again", adjustments=adjustments))


def test_one_backfill_at_a_time(settings: Settings, history: Path) -> None:
    initialise(settings)
    other = BackfillWriter(settings, "other")
    other.lock()
    with pytest.raises(BackfillConflict, match="another backfill is running"):
        run_backfill(settings, request(history))
    other.close()
