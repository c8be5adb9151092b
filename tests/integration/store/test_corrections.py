"""Corrections on real servers: agent and repair job end in the clean history's values, whatever dies on the way."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import psycopg
import pytest

from consumers.store.repair_job import RepairJob
from infra.broker.publisher import Publisher
from infra.broker.reading import read_topic
from infra.feature_store import FeatureStore, Pairs
from infra.settings import Settings
from infra.warehouse import connect
from infra.warehouse.corrections import list_corrections
from infra.warehouse.moments import to_moment, to_nanoseconds
from pipeline.chain import Fence
from pipeline.engine import LogMessage
from schemas.bars import Adjustment, Watermark
from schemas.codec import decode
from schemas.features import FeatureBatch
from schemas.topics import TopicNames
from signaltape.initialisation import initialise
from signaltape.reconcile import reconcile
from tests.support.engine_log import market
from tests.support.feature_runs import DAY_START, batches_of, effect_offsets, high_offsets, take, wait_done, write_log
from tests.support.kept_digests import digests_and_differences
from tests.support.killed import exit_code_at
from tests.support.plain_digests import PlainTally, recorded
from tests.support.services import running
from tests.support.waiting import wait_for

MINUTE = 60_000_000_000
BARS = 60
STEPS = ("repair.1_read", "repair.2_recomputed", "repair.3_stored", "repair.4_published", "repair.5_marked")
Log = list[tuple[int, LogMessage]]

_CURRENT = {
    "features": "SELECT DISTINCT ON (symbol, event_time, feature_set) symbol, event_time, feature_set,"
    ' "values", close FROM features ORDER BY symbol, event_time, feature_set, revision DESC',
    "returns": "SELECT DISTINCT ON (symbol, event_time) symbol, event_time, horizons, prediction_times, log_returns"
    " FROM returns ORDER BY symbol, event_time, revision DESC",
}  # fmt: skip


def history() -> list[Any]:
    return [message for _, message in batches_of(market(5, BARS, 3), 1)]


def dirty() -> tuple[Log, Log]:
    """A log with a late bar, a revision and a late split, and the same facts in their own order."""
    bars = history()
    opening = Watermark(feed="f", event_time=0, state="open")
    final = Watermark(feed="f", event_time=DAY_START + BARS * MINUTE, state="final")
    at = DAY_START + 40 * MINUTE
    split = Adjustment(feed="f", source="v", symbol="S002", factor=2.0, effective_time=at, available_time=at + 1000)
    revised = replace(
        take(bars[30], [0]), revision=1, close=bars[30].high[:1].copy(), available_time=DAY_START + 46 * MINUTE
    )
    late = replace(take(bars[34], [1]), available_time=DAY_START + 46 * MINUTE)
    came = [*bars[:34], take(bars[34], [0, 2]), *bars[35:45], revised, late, split, *bars[45:50]]
    rest = bars[50:]
    right = take(bars[30], [1, 2])
    clean = [split, *bars[:30], replace(revised, revision=0), right, *bars[31:34], take(bars[34], [0, 2]), late]
    clean += bars[35:]
    messages = [opening, *came]
    return [(0, one) for one in [*messages, *rest, final]], [(0, one) for one in [opening, *clean, final]]


@pytest.fixture
def place(make_settings: Callable[..., Settings]) -> Settings:
    base = make_settings()
    settings = make_settings(topics={"prefix": base.topics.prefix, "partitions": 1}, features={"snapshot_messages": 15})
    initialise(settings)
    return settings


def rows(settings: Settings, query: str) -> list[Any]:
    with psycopg.connect(settings.postgres.dsn) as connection:
        return connection.execute(query).fetchall()  # type: ignore[call-overload,no-any-return]


def current(settings: Settings) -> dict[str, dict[tuple[Any, ...], bytes]]:
    """Current values by key, as bits."""
    found: dict[str, dict[tuple[Any, ...], bytes]] = {"features": {}, "returns": {}}
    for symbol, time, name, values, close in rows(settings, _CURRENT["features"]):
        found["features"][symbol, time, name] = np.array([*values, close], dtype=np.float64).tobytes()
    for symbol, time, horizons, times, values in rows(settings, _CURRENT["returns"]):
        for horizon, made, value in zip(horizons, times, values, strict=True):
            found["returns"][symbol, time, horizon, made] = np.float64(value).tobytes()
    return found


def settled(settings: Settings) -> bool:
    open_ = rows(settings, "SELECT count(*) FROM repair_requests WHERE status = 'open'")[0][0]
    return open_ == 0 and effect_offsets(settings) == high_offsets(settings)


def as_of_reads(settings: Settings, stored: int) -> list[bytes]:
    """What was known by ``stored`` (ns UTC), and what the world could know at each minute before the corrections.

    S002's split says that it was available right at minute 40, before it came: by that knowledge its rows do change.
    """
    names = sorted({row[0] for row in rows(settings, "SELECT DISTINCT symbol FROM features")})
    minutes = np.arange(DAY_START + 25 * MINUTE, DAY_START + 46 * MINUTE, MINUTE, dtype=np.int64)
    with FeatureStore(settings, feature_set="core", interval="1m") as store:
        frames = [
            store.get_point_in_time(Pairs.product(names, [stored])),
            store.get_point_in_time(Pairs.product(names[:2], minutes), knowledge="available"),
        ]
    assert all(frame.known.any() for frame in frames)
    parts = ("values", "valid", "source_event_time", "source_available_time", "source_revision")
    return [getattr(frame, name).tobytes() for frame in frames for name in parts]


def expected(log: Log) -> dict[str, dict[tuple[Any, ...], bytes]]:
    """What the engine computes of the clean log, by the same keys."""
    from pipeline.engine import PartitionEngine
    from schemas.features import ReturnBatch
    from tests.support.engine_log import ONE

    found: dict[str, dict[tuple[Any, ...], bytes]] = {"features": {}, "returns": {}}
    engine = PartitionEngine(ONE)
    for offset, (_, message) in enumerate(log):
        step = engine.step(message, offset)
        assert not step.repairs
        assert not step.faults
        for one in step.features:
            if isinstance(one, FeatureBatch):
                for row, symbol in enumerate(one.symbols):
                    values = np.where(one.valid[row], one.values[row], np.nan)
                    key = (symbol, to_moment(one.event_time), one.feature_set)
                    found["features"][key] = np.append(values, one.close[row]).tobytes()
        for back in step.returns:
            if isinstance(back, ReturnBatch):
                for row, symbol in enumerate(back.symbols):
                    made = to_moment(int(back.prediction_time[row]))
                    key = (symbol, to_moment(back.event_time), back.horizon, made)
                    found["returns"][key] = back.log_return[row].tobytes()
    return found


def work_off(settings: Settings) -> None:
    RepairJob(settings, Publisher(settings, "test")).work_off()


def job_killed_at(settings: Settings, step: str) -> None:
    """Run the job in a process that dies at a numbered step."""
    assert exit_code_at(step, [], work_off, settings) == -9, step


def two_jobs_at_once(settings: Settings) -> None:
    """Two instances that both believe to hold the lock."""
    jobs = [RepairJob(settings, Publisher(settings, "test")) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(lambda job: job.work_off(), jobs))
    for job in jobs:
        job.close()
    assert max(counts) > 0


@pytest.mark.slow
def test_corrections_end_in_the_clean_history(place: Settings) -> None:
    """The job dies at every numbered step, then runs twice at once, then in the store."""
    log, clean = dirty()
    cut = 50
    with running(place, "features") as agent:
        for first, last in ((0, 20), (20, cut)):  # the first snapshot behind bar 20 is kept
            write_log(place, log[first:last])  # type: ignore[arg-type]
            wait_done(place)
        before = rows(place, "SELECT * FROM features ORDER BY 1, 3, 4, 5, 6")
        stored = to_nanoseconds(rows(place, "SELECT clock_timestamp()")[0][0])
        known = as_of_reads(place, stored)
        for step in STEPS:
            job_killed_at(place, step)
            assert as_of_reads(place, stored) == known, step
        two_jobs_at_once(place)
        with running(place, "store") as store:
            write_log(place, log[cut:])  # type: ignore[arg-type]
            wait_for(lambda: settled(place), 40, "no open request, and every message with its effects", 0.1)
            assert store["store"].stop() == 0
        assert agent["features"].stop() == 0
    assert current(place) == expected(clean)
    after = rows(place, "SELECT * FROM features ORDER BY 1, 3, 4, 5, 6")
    assert as_of_reads(place, stored) == known
    assert set(map(repr, before)) <= set(map(repr, after)), "what was known before is still there, unchanged"
    with connect(place) as connection:
        found = list_corrections(connection)
    first = [(one.symbol, one.reason, one.status) for one in found[:3]]
    assert first == [("S000", "revision", "done"), ("S001", "late", "done"), ("S002", "late_split", "done")]
    assert all(one.duration_s is not None and one.duration_s > 0.0 for one in found)
    assert found[0].detail.startswith("begins with the kept snapshot before offset ")
    assert found[0].feature_rows == sum(1 for row in after if row[2] == "S000" and row[8] == "correction"
                                        and row[5] == 1 << 40 | (found[0].source_offset + 1))  # fmt: skip
    assert found[0].feature_rows > 0
    assert found[0].return_rows > 0
    result = reconcile(place)
    assert [(row.stage, row.detail) for row in result.rows if row.detail] == []
    assert result.ok
    check_digests(place)


def check_digests(settings: Settings) -> None:
    """The agent's own corrections are told from the repair job's, in the messages and in the rows alike."""
    tally, chain = PlainTally(), Fence()
    for record in read_topic(settings, TopicNames(settings.topics.prefix).features):
        message: Any = decode(record.value)
        if chain.take(message.link) and isinstance(message, FeatureBatch):
            tally.features(message)
    assert recorded(settings.postgres.dsn, "features", "corrections") == tally.digests
    corrected = sum(count for (stage, *_), (count, *_) in tally.digests.items() if stage == "corrections")
    stored = rows(settings, "SELECT count(*) FROM features WHERE kind = 'correction'")[0][0]
    assert 0 < corrected < stored
    with connect(settings) as connection:
        assert digests_and_differences(connection)[1] == []
