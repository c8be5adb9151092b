"""From bars to signals: the same bits however bars are batched, offline or on several partitions, for each family."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumers.inference.models import LoadedModels
from infra.scoring.manifest import ModelManifest
from infra.scoring.scorer import Scorer
from infra.service_settings import InferenceSettings
from pipeline.engine import LogMessage
from pipeline.features import FEATURE_SETS
from pipeline.flow import FlowConfig, Flowed, flow, partition_flow
from pipeline.offline import compute
from pipeline.partition_flow import PartitionFlow, parts_of
from pipeline.routing.partition import PartitionInference
from producers.bar_table import BarTable
from producers.cross_sections import cross_sections
from producers.simulation.market import MarketConfig, simulate
from schemas.bars import BarBatch, StateRepair, Watermark, rows_of
from schemas.control import ControlEvent
from schemas.predictions import STATUSES, FeatureStats, PredictionBatch
from schemas.signals import Signal
from signaltape.training.families import FAMILIES
from signaltape.training.options import TrainOptions
from signaltape.training.workflow import train

PATIENT = InferenceSettings(deadline_ms=600_000.0)
FEED = "f"


class OneModel:
    """A registry of one trained model in a folder."""

    def __init__(self, folder: Path, manifest: ModelManifest) -> None:
        self.folder = folder
        self.manifest = manifest

    def load(self, name: str, version: int) -> tuple[ModelManifest, Scorer]:
        manifest = replace(self.manifest, version=version)
        return manifest, Scorer.load(self.folder / manifest.onnx_file, manifest.sha256, manifest)


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OneModel:
    folder = tmp_path_factory.mktemp(request.param)
    options = TrainOptions(name="m", family=request.param, long_quantile=0.6, short_quantile=0.4)
    made = train(simulate(MarketConfig(symbols=12, seed=11)), options, folder)
    return OneModel(folder, made.manifest)


class Market:
    """Bars, with a short name where a test shows its arguments."""

    def __init__(self, table: BarTable) -> None:
        self.table = table


@pytest.fixture(scope="module")
def market() -> Market:
    table = simulate(MarketConfig(symbols=7, seed=5, missing=0.03))
    closes = sorted(set(table.event_time.tolist()))
    return Market(table.between(end=closes[FEATURE_SETS["core"].warm_up + 30]))


ACTIVATE = ControlEvent(
    event_id="e", action="activate", effective_from=0, issued_at=0, issued_by="test", strategy="s", model="m",
    model_version=1, control_offset=0,
)  # fmt: skip


def log_of(batches: Iterable[tuple[int, BarBatch]], partitions: int = 1) -> Iterator[tuple[int, LogMessage]]:
    """The whole log of one feed: opened and activated on every partition, and ended."""
    last = 0
    for number in range(partitions):
        yield number, Watermark(feed=FEED, event_time=0, state="open")
        yield number, ACTIVATE
    for number, batch in batches:
        last = batch.event_time
        yield number, batch
    for number in range(partitions):
        yield number, Watermark(feed=FEED, event_time=last, state="final")


def sections(table: BarTable, partitions: int = 1) -> list[tuple[int, BarBatch]]:
    made = cross_sections(table, partitions=partitions, feed=FEED, source=FEED)
    return [pair for _, section in made for pair in section]


def run(log: Iterable[tuple[int, LogMessage]], trained: OneModel, partitions: int = 1) -> list[Flowed]:
    return list(flow(log, FlowConfig(partitions=partitions), LoadedModels(trained, PATIENT)))


Bits = dict[tuple[object, ...], object]


def bits(flowed: Iterable[Flowed]) -> Bits:
    """Every prediction and signal by its key; what only says where it stood in the log is left out."""
    found: Bits = {}
    for output in (output for one in flowed for output in one.outputs):
        for batch in output.predictions:
            if isinstance(batch, PredictionBatch):
                columns = (batch.score, batch.confidence, batch.status, batch.direction, batch.outcome)
                for row, symbol in enumerate(batch.symbols):
                    key = ("prediction", symbol, batch.interval, batch.event_time)
                    assert key not in found
                    found[key] = tuple(column[row].tobytes() for column in columns)
        for signal in output.signals:
            if isinstance(signal, Signal):
                assert ("signal", signal.signal_id) not in found
                found["signal", signal.signal_id] = replace(signal, seq=0, source=(0, 0))
    return found


@given(seed=st.integers(0, 2**32 - 1), mean=st.sampled_from([1, 2, 4]))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_batching_does_not_change_bits(trained: OneModel, market: Market, seed: int, mean: int) -> None:
    """Shuffled cross-sections, cut at random (mean 1: bar by bar), against whole ones."""
    drawn = np.random.default_rng(seed)
    whole = sections(market.table)
    pieces: list[tuple[int, BarBatch]] = []
    for number, batch in whole:
        rows = drawn.permutation(len(batch.symbols)).tolist()
        while rows:
            size = 1 if mean == 1 else int(drawn.integers(1, 2 * mean))
            pieces.append((number, rows_of(batch, np.array(rows[:size]))))
            rows = rows[size:]
    expected = bits(run(log_of(whole), trained))
    assert bits(run(log_of(pieces), trained)) == expected
    assert sum(key[0] == "signal" for key in expected) > 50


def test_partitions_do_not_change_bits(trained: OneModel, market: Market) -> None:
    several = bits(run(log_of(sections(market.table, 3), 3), trained, 3))
    assert several == bits(run(log_of(sections(market.table)), trained))


def test_offline_features_give_the_scores_of_the_flow(trained: OneModel, market: Market) -> None:
    table = compute(market.table, "1m")
    _, scorer = trained.load("m", 1)
    scores = scorer.score(table.values, table.valid)
    online = bits(run(log_of(sections(market.table)), trained))
    offline = {
        ("prediction", str(symbol), "1m", int(time)): (score.tobytes(), confidence.tobytes())
        for symbol, time, score, confidence in zip(
            table.symbol, table.event_time, scores.score, scores.confidence, strict=True
        )
    }
    assert {key: value[:2] for key, value in online.items() if key[0] == "prediction"} == offline  # type: ignore[index]


def test_sessions_close_with_the_feed(trained: OneModel, market: Market) -> None:
    """At the final watermark: statistics of features, and the drift monitor's report."""
    flowed = run(log_of(sections(market.table)), trained)
    stats = [m for one in flowed for output in one.outputs for m in output.predictions if isinstance(m, FeatureStats)]
    assert [(one.feature_set, one.features) for one in stats] == [("core", FEATURE_SETS["core"].names)]
    rows = [m for one in flowed for output in one.outputs for m in output.predictions if isinstance(m, PredictionBatch)]
    assert stats[0].n.max() == sum(len(batch.symbols) for batch in rows)
    assert all((batch.status == STATUSES.index("ok")).all() for batch in rows)
    closed = [report.session for one in flowed for report in one.sessions if report.until is None]
    assert closed == [stats[0].session]


def taken(lane: PartitionFlow, log: Iterable[tuple[int, LogMessage]], rows: int) -> list[Flowed]:
    """Every message of (offset, message) pairs, those of bars in parts of at most ``rows`` rows."""
    made = []
    for offset, message in log:
        for part in parts_of(message, rows) if isinstance(message, BarBatch) else (message,):
            step, outputs = lane.take(part, offset)
            made.append(Flowed(partition=0, step=step, outputs=outputs, sessions=()))
    return made


@pytest.mark.parametrize("rows", [1, 3])
def test_parts_of_one_message_make_the_bits_of_the_message(trained: OneModel, market: Market, rows: int) -> None:
    whole = [message for _, message in log_of(sections(market.table))]
    lane = partition_flow(0, FlowConfig(), LoadedModels(trained, PATIENT))
    pieces = taken(lane, enumerate(whole), rows)
    assert bits(pieces) == bits(run(log_of(sections(market.table)), trained))
    sources = {signal.source[1] for one in pieces for output in one.outputs for signal in output.signals
               if isinstance(signal, Signal)}  # fmt: skip
    assert sources <= {place for place, message in enumerate(whole) if isinstance(message, BarBatch)}


def test_an_inference_behind_its_engine_takes_what_follows_its_fence(trained: OneModel, market: Market) -> None:
    log = list(enumerate(message for _, message in log_of(sections(market.table))))
    models = LoadedModels(trained, PATIENT)
    first = partition_flow(0, FlowConfig(), models)
    cut = len(log) - 9
    before = taken(first, log[:cut], 100)
    inference = PartitionInference(
        partition=0, models=models, standing=first.inference.standing, control=first.inference.control,
        state=first.inference.state, feature_names=first.inference.feature_names,
    )  # fmt: skip
    engine = partition_flow(0, FlowConfig(), models).engine
    again = PartitionFlow(engine=engine, inference=inference)
    after = taken(again, log, 2)
    expected = bits(run(log_of(sections(market.table)), trained))
    assert bits(after) == {key: value for key, value in expected.items() if key not in bits(before)}
    assert bits(after)


def test_a_message_that_the_agent_would_refuse_is_counted(trained: OneModel) -> None:
    lane = partition_flow(0, FlowConfig(), LoadedModels(trained, PATIENT))
    repair = StateRepair(
        symbol="A", interval="1m", as_of_offset=-1, last_event_time=60, available_time=60, state=b"none"
    )  # fmt: skip
    assert taken(lane, [(0, repair)], 1)[0].step.features == ()
    assert lane.refused == 1
