"""Models that are slow, fail, answer nonsense, ask for too much memory or don't return, in the real consumer."""

import http.client
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from infra.broker.reading import read_topic
from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.stack import Endpoints
from schemas.codec import decode
from schemas.predictions import STATUSES, PredictionBatch
from tests.support import isolation
from tests.support.faulty_models import DEADLINE_MS, ROWS, write_faulty_model
from tests.support.feature_log import T0, FeatureLog, register_model, wait_taken
from tests.support.services import ServiceProcess, running
from tests.support.waiting import wait_for

FALLBACKS = ("default", "last", "skip")
MISSES, PROBE, FRESH = 3, 3, 5
#: Which bars make the models misbehave: long enough for an open breaker, a failed probe, and a last score too old.
BAD = frozenset(range(4, 13))
BARS = 20
#: Of a call that never returns. Those that do have as much time.
HANGING_MS = 2_000.0
DEFAULT_SCORE = 0.25


@pytest.fixture
def one_partition(endpoints: Endpoints, database_dsn: str, tmp_path: Path) -> Settings:
    """One partition, so that the order of calls is known; the models' own deadlines."""
    name = isolation.unique_name()
    return isolation.isolated_settings(
        endpoints,
        tmp_path / "home",
        database_dsn,
        f"{name}.",
        topics={"prefix": f"{name}.", "partitions": 1},
        inference={"breaker_misses": MISSES, "breaker_probe": PROBE, "fresh_bars": FRESH, "model_memory_mb": 256},
    )


def deploy_faulty(log: FeatureLog, folder: Path, fault: str, fallback: str, deadline_ms: float) -> str:
    """Register a model and activate it as a strategy of its own."""
    name = f"{fault}-{fallback}"
    made = write_faulty_model(
        folder / name, fault, name=name, fallback=fallback, default_score=DEFAULT_SCORE, deadline_ms=deadline_ms
    )
    version = ModelRegistry(log.settings).register(folder / name, made)
    log.control("activate", strategy=name, model=name, model_version=version)
    return name


def calls_of(settings: Settings) -> dict[str, list[PredictionBatch]]:
    """Recorded calls by strategy, in the order of bars."""
    found: dict[str, list[PredictionBatch]] = defaultdict(list)
    for record in read_topic(settings, f"{settings.topics.prefix}predictions.v1"):
        message = decode(record.value or b"")
        if isinstance(message, PredictionBatch):
            found[message.strategy].append(message)
    return found


@dataclass(frozen=True, slots=True)
class Expected:
    """How one bar's call is recorded."""

    status: str
    breaker_open: bool
    missed: bool


def expected(fallback: str, *, late: bool) -> Iterator[Expected]:
    """By hand: misses open the breaker, every third call then probes, a success closes it."""
    in_a_row = refused = 0
    last_ok: int | None = None
    for at in range(BARS):
        is_open = in_a_row >= MISSES
        if is_open:
            refused += 1
        asked = not is_open or refused == PROBE
        if asked:
            refused = 0
        if asked and at not in BAD:
            in_a_row, last_ok = 0, at
            yield Expected("ok", False, False)
            continue
        in_a_row += asked
        fresh = last_ok is not None and at - last_ok <= FRESH
        status = {"default": "default", "last": "fallback" if fresh else "skipped", "skip": "skipped"}[fallback]
        yield Expected(status, not asked, late and asked)


@pytest.mark.parametrize(
    ("faults", "rows"),
    [
        pytest.param(("sleeps",), ROWS, marks=pytest.mark.slow),
        (("raises", "nan", "shape", "memory"), 8),
    ],
)
def test_misses_fall_back_are_recorded_and_open_the_breaker(
    one_partition: Settings, tmp_path: Path, faults: tuple[str, ...], rows: int
) -> None:
    """Faults under each fallback, side by side in one process: the sequence of every bar is the one by hand."""
    log = FeatureLog(one_partition, symbols=rows)
    for fault in faults:
        # Where nothing is to be late, no busy machine may make it so.
        deadline_ms = DEADLINE_MS if fault == "sleeps" else 60_000.0
        for fallback in FALLBACKS:
            deploy_faulty(log, tmp_path, fault, fallback, deadline_ms)
    for at in range(BARS):
        log.bar(at, shift=5.0 if at in BAD else 0.0)
    log.flush()
    with running(one_partition, "inference") as services:
        wait_taken(one_partition, 120)
        assert services["inference"].stop() == 0
    sums = [entry.message.values.sum(axis=1) for entry in log.written[0] if hasattr(entry.message, "values")]
    for strategy, calls in calls_of(one_partition).items():
        fault, _, fallback = strategy.partition("-")
        wanted = list(expected(fallback, late=fault == "sleeps"))
        assert any(one.breaker_open for one in wanted)
        assert wanted[-1].status == "ok"
        found = []
        for call in calls:
            (status,) = {STATUSES[code] for code in call.status.tolist()}
            found.append(Expected(status, call.breaker_open, call.deadline_missed))
        assert found == wanted, strategy
        last_ok: np.ndarray | None = None
        for at, call in enumerate(calls):
            match wanted[at].status:
                case "ok":
                    last_ok = call.score
                    np.testing.assert_allclose(call.score, sums[at], atol=1e-5)
                case "fallback":
                    np.testing.assert_array_equal(call.score, last_ok)
                case "default":
                    assert set(call.score.tolist()) == {DEFAULT_SCORE}
                case _:
                    assert set(call.score.tolist()) == {0.0}
            assert set(call.confidence.tolist()) == ({0.75} if wanted[at].status == "ok" else {0.0})
    assert len(calls_of(one_partition)) == len(faults) * len(FALLBACKS)


def metric(process: ServiceProcess, settings: Settings, name: str) -> float:
    """A metric's value, summed over its labels."""
    port = json.loads((settings.home / "run" / "inference-0.json").read_text())["port"]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30.0)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


@pytest.mark.slow
def test_call_that_never_returns_is_left_behind_and_its_session_replaced(
    one_partition: Settings, tmp_path: Path
) -> None:
    """The other model misses no bar; the hanging one answers again once its session is new, and is given up after
    its second call that is still running.
    """
    log = FeatureLog(one_partition, symbols=8)
    hanging = deploy_faulty(log, tmp_path, "hangs", "default", HANGING_MS)
    register_model(one_partition, tmp_path / "healthy", deadline_ms=60_000.0)
    log.control("activate", strategy="healthy", model="linear", model_version=1)
    log.flush()
    at = 0

    def bar(shift: float = 0.0) -> PredictionBatch:
        nonlocal at
        at += 1
        log.bar(at, shift=shift)
        log.flush()
        wait_taken(one_partition)
        call = calls_of(one_partition)[hanging][-1]
        assert call.event_time == T0 + at * 1_000_000_000
        return call

    with running(one_partition, "inference") as services:
        process = services["inference"]
        assert STATUSES[bar().status[0]] == "ok"
        for turn in (1, 2):
            left = bar(shift=5.0)
            assert left.deadline_missed
            assert not left.breaker_open
            assert STATUSES[left.status[0]] == "default"
            assert HANGING_MS * 1e6 < left.model_latency < 20 * HANGING_MS * 1e6
            wait_for(lambda: process.log.read_text().count("model_replaced") == turn, 30, "replaced")  # noqa: B023
            again = [bar() for _ in range(PROBE + 1)]
            assert [call.breaker_open for call in again[: PROBE - 1]] == [True] * (PROBE - 1)
            if turn == 1:
                assert [STATUSES[call.status[0]] for call in again[PROBE - 1 :]] == ["ok", "ok"]
            else:
                assert all(call.breaker_open for call in again)
        assert metric(process, one_partition, "signaltape_model_calls_abandoned_total") == 2
        assert metric(process, one_partition, "signaltape_model_calls_lost") == 2
        assert process.stop() == 0
    healthy = calls_of(one_partition)["healthy"]
    assert [call.event_time for call in healthy] == [T0 + second * 1_000_000_000 for second in range(1, at + 1)]
    assert {STATUSES[code] for call in healthy for code in call.status.tolist()} == {"ok"}
