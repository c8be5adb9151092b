"""The router at its boundaries, by name: windows, directions, merges, filters, pauses, restarts."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from consumers.inference.restore import Owned
from consumers.inference.snapshots import SnapshotWriter
from infra.service_settings import InferenceSettings
from pipeline.routing.decision import Thresholds, decide
from pipeline.routing.options import InferenceOptions, RouterOptions
from pipeline.routing.partition import Output, PartitionInference
from pipeline.routing.router_state import RouterState, StateRefused
from schemas.ids import signal_id
from schemas.intervals import SECOND
from schemas.predictions import DIRECTIONS, OUTCOMES, STATUSES, PredictionBatch
from schemas.signals import Heartbeat, Notice, Signal
from tests.support.feature_chain import SET, T0, Bench, KnownModels

LONG, SHORT, FLAT = {"A": (0.9, 0.8)}, {"A": (-0.9, 0.8)}, {"A": (0.0, 0.8)}


def told(output: Output) -> list[str]:
    """Directions sent."""
    return [message.signal for message in output.signals if isinstance(message, Signal)]


def outcomes(output: Output) -> list[list[str]]:
    """Outcome of each row of each prediction batch."""
    batches = [item for item in output.predictions if isinstance(item, PredictionBatch)]
    return [[OUTCOMES[code] for code in batch.outcome.tolist()] for batch in batches]


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.activate()
    return bench


def routed(**options: object) -> Bench:
    """A bench with one live model under these router options."""
    router = RouterOptions(**options)  # type: ignore[arg-type]

    def make(models: KnownModels) -> PartitionInference:
        return PartitionInference(partition=0, models=models, options=InferenceOptions(router=router))

    bench = Bench(make=make)
    bench.activate()
    return bench


def test_a_half_taken_source_message_is_not_kept_in_a_snapshot(bench: Bench) -> None:
    bench.bar(0, LONG)
    first, second = bench.writer.bar(T0 + SECOND, LONG, sets=(SET, "other"))
    bench.take(first)
    writer = SimpleNamespace(_options=InferenceSettings(snapshot_batches=1, snapshot_event_s=1.0))
    owned = Owned(bench.inference, snapshot=-1, snapshot_written=0.0)
    assert not SnapshotWriter.is_due(cast(SnapshotWriter, writer), owned)
    assert not SnapshotWriter.is_old(cast(SnapshotWriter, writer), owned, 1e9)
    with pytest.raises(ValueError, match="half taken"):
        bench.inference.snapshot()
    bench.take(second)
    assert SnapshotWriter.is_due(cast(SnapshotWriter, writer), owned)
    assert SnapshotWriter.is_old(cast(SnapshotWriter, writer), owned, 1e9)
    assert not SnapshotWriter.is_old(cast(SnapshotWriter, writer), owned, 60.0)
    bench.inference.snapshot()


@pytest.mark.parametrize(
    ("score", "confidence", "status", "direction"),
    [
        (0.5, 1.0, "ok", "long"),  # at the threshold
        (np.nextafter(0.5, 0.0), 1.0, "ok", "flat"),  # just below it
        (-0.5, 1.0, "ok", "short"),
        (np.nextafter(-0.5, 0.0), 1.0, "ok", "flat"),
        (0.9, 0.6, "ok", "long"),  # at the least confidence
        (0.9, np.nextafter(0.6, 0.0), "ok", "flat"),  # just below it
        (0.9, 0.0, "fallback", "long"),  # a fallback carries 0 and still states its direction
        (-0.9, 0.0, "default", "short"),
        (0.9, 1.0, "skipped", "flat"),  # says nothing
    ],
)
def test_decision(score: float, confidence: float, status: str, direction: str) -> None:
    code = np.array([STATUSES.index(status)], dtype=np.uint8)
    thresholds = Thresholds(long=0.5, short=-0.5, min_confidence=0.6)
    assert DIRECTIONS[decide(np.array([score]), np.array([confidence]), code, thresholds)[0]] == direction


def test_thresholds_that_let_everything_pass_have_no_flat() -> None:
    scores = np.array([-1e-9, 0.0, 1e-9])
    codes = decide(scores, np.ones(3), np.zeros(3, dtype=np.uint8), Thresholds(long=0.0, short=0.0))
    assert [DIRECTIONS[code] for code in codes] == ["short", "long", "long"]


def test_exactly_at_window_end_is_outside(bench: Bench) -> None:
    assert [told(bench.bar(at, LONG)) for at in (0, 4, 5)] == [["long"], [], ["long"]]


def test_just_before_window_end_is_inside(bench: Bench) -> None:
    bench.bar(0, LONG)
    output = bench.bar(4.999999, LONG)
    assert (told(output), outcomes(output)) == ([], [["suppressed"]])


def test_suppressed_does_not_extend(bench: Bench) -> None:
    sent = [told(bench.bar(at, LONG)) for at in range(11)]
    assert [at for at, signals in enumerate(sent) if signals] == [0, 5, 10]


def test_opposite_direction_passes_and_opens_its_own_window(bench: Bench) -> None:
    assert told(bench.bar(0, LONG)) == ["long"]
    assert told(bench.bar(1, SHORT)) == ["short"]
    assert told(bench.bar(2, SHORT)) == []
    assert told(bench.bar(5, SHORT)) == []  # the window of the short, opened at 1, is still open
    assert told(bench.bar(6, SHORT)) == ["short"]


def test_back_to_the_first_direction_passes_inside_the_first_window(bench: Bench) -> None:
    assert [told(bench.bar(at, rows)) for at, rows in enumerate((LONG, SHORT, LONG))] == [["long"], ["short"], ["long"]]


def test_flat_is_a_direction(bench: Bench) -> None:
    assert [told(bench.bar(at, rows)) for at, rows in enumerate((LONG, FLAT, FLAT))] == [["long"], ["flat"], []]


def test_symbols_have_windows_of_their_own(bench: Bench) -> None:
    bench.bar(0, {"A": (0.9, 0.8)})
    output = bench.bar(1, {"B": (0.9, 0.8), "A": (0.9, 0.8)})
    assert outcomes(output) == [["emitted", "suppressed"]]
    assert [s.symbol for s in output.signals if isinstance(s, Signal)] == ["B"]


def test_intervals_have_windows_of_their_own(bench: Bench) -> None:
    bench.bar(0, LONG)
    assert told(bench.bar(0, LONG, interval="1m")) == ["long"]


def test_on_change_states_a_direction_once() -> None:
    bench = routed(emit="on_change")
    outputs = [bench.bar(at, rows) for at, rows in ((0, LONG), (1, LONG), (60, LONG), (61, SHORT))]
    assert [outcomes(output)[0][0] for output in outputs] == ["emitted", "suppressed", "unchanged", "emitted"]


def test_window_of_zero_suppresses_nothing() -> None:
    bench = routed(dedup_window_ns=0)
    assert [told(bench.bar(at, LONG)) for at in (0, 1)] == [["long"], ["long"]]


def test_filtered_row_leaves_no_trace_in_the_window() -> None:
    bench = routed(filter_confidence=0.7)
    assert outcomes(bench.bar(0, {"A": (0.9, 0.6)})) == [["filtered"]]
    assert told(bench.bar(1, {"A": (0.9, 0.7)})) == ["long"]


def test_filter_by_symbol_and_direction() -> None:
    bench = routed(symbols=("A", "B"), blocked_symbols=("B",), directions=("long", "flat"))
    output = bench.bar(0, {"A": (0.9, 0.8), "B": (0.9, 0.8), "C": (0.9, 0.8)})
    assert outcomes(output) == [["emitted", "filtered", "filtered"]]
    assert outcomes(bench.bar(1, SHORT)) == [["filtered"]]


def test_two_models_agree() -> None:
    bench = two_models()
    output = bench.bar(0, LONG, sets=(SET, "other"))
    assert outcomes(output) == [["emitted"], ["merged"]]
    signal = output.signals[0]
    assert isinstance(signal, Signal)
    assert (signal.signal, signal.models, signal.strategy, signal.model) == ("long", ("m:1", "n:1"), "s+t", "m")
    assert (signal.score, signal.confidence) == (0.9, 0.8)


@pytest.mark.parametrize(
    ("first", "second", "stated", "score"),
    [
        ((0.9, 0.5), (-0.9, 0.5), "flat", 0.0),  # equally sure: no majority
        ((0.9, 0.6), (-0.9, 0.3), "flat", 0.3),  # exactly two thirds is not more than two thirds
        ((0.9, 0.75), (-0.9, 0.25), "long", 0.45),
        ((0.9, 0.25), (-0.9, 0.75), "short", -0.45),
        ((0.9, 0.0), (-0.9, 0.0), "flat", 0.0),  # fallbacks: equal weights
        ((0.9, 0.0), (0.7, 0.0), "long", 0.8),
        ((0.9, 0.0), (-0.9, 0.4), "short", -0.9),  # a fallback has no weight beside an answer
    ],
)
def test_two_models_disagree(
    first: tuple[float, float], second: tuple[float, float], stated: str, score: float
) -> None:
    bench = two_models()
    parts = bench.writer.bar(T0, {"A": first}, sets=(SET, "other"))
    parts[1] = replace(parts[1], values=np.array([second]))
    signal = bench.take(*parts).signals[0]
    assert isinstance(signal, Signal)
    assert signal.signal == stated
    assert signal.score == pytest.approx(score, abs=1e-15)


def test_models_on_different_sets_merge_at_the_last_part_only() -> None:
    bench = two_models()
    parts = bench.writer.bar(T0, LONG, sets=(SET, "other"))
    assert bench.inference.take(parts[0], 10) is None
    assert bench.inference.standing.fence != parts[0].link.position
    output = bench.inference.take(parts[1], 11)
    assert output is not None
    assert len(output.predictions) == 2


def test_symbol_known_to_one_model_only_keeps_that_models_bits() -> None:
    bench = two_models()
    parts = bench.writer.bar(T0, {"A": (0.7, 0.1), "B": (0.7, 0.3)}, sets=(SET, "other"))
    cut = parts[1]
    parts[1] = replace(
        cut, symbols=("B",), values=cut.values[1:], valid=cut.valid[1:], close=cut.close[1:],
        available_time=cut.available_time[1:],
    )  # fmt: skip
    alone = bench.take(*parts).signals[0]
    assert isinstance(alone, Signal)
    assert (alone.symbol, alone.score, alone.confidence, alone.models) == ("A", 0.7, 0.1, ("m:1",))


def test_corrections_make_neither_predictions_nor_signals(bench: Bench) -> None:
    output = bench.bar(0, LONG, kinds=("live", "correction"))
    assert len(output.predictions) == 1
    assert told(output) == ["long"]
    assert bench.bar(1, SHORT, kinds=("correction",)) == Output()


def test_pause_stops_signals_not_predictions(bench: Bench) -> None:
    bench.bar(0, LONG)
    (notice,) = bench.take(bench.writer.control("pause", strategy="s", reason="look")).signals
    assert isinstance(notice, Notice)
    assert (notice.kind, notice.event_time, notice.detail) == ("paused", T0 + 1, "look")
    assert outcomes(bench.bar(10, SHORT)) == [["paused"]]
    bench.take(bench.writer.control("resume"))
    assert told(bench.bar(11, SHORT)) == ["short"]


def test_pause_of_some_symbols(bench: Bench) -> None:
    bench.take(bench.writer.control("pause", symbols=("A",)))
    assert outcomes(bench.bar(0, {"A": (0.9, 0.8), "B": (0.9, 0.8)})) == [["paused", "emitted"]]


def test_position_scale_of_merged_models_is_the_smallest() -> None:
    bench = two_models()
    bench.take(bench.writer.control("position_scale", strategy="t", parameters={"scale": 0.5}))
    signal = bench.bar(0, LONG, sets=(SET, "other")).signals[0]
    assert isinstance(signal, Signal)
    assert signal.position_scale == 0.5


def test_thresholds_change_by_control_at_a_bar_time(bench: Bench) -> None:
    event = bench.writer.control("parameters", strategy="s", parameters={"long": 0.95}, effective_from=T0 + 2 * SECOND)
    bench.take(event)
    assert told(bench.bar(1, LONG)) == ["long"]
    assert told(bench.bar(2, LONG)) == ["flat"]


def test_shadow_predicts_and_never_signals(bench: Bench) -> None:
    ref = bench.models.add("sh")
    bench.take(bench.writer.control("shadow", strategy="s", model=ref.name, model_version=1))
    output = bench.bar(0, LONG)
    assert outcomes(output) == [["emitted"], ["none"]]
    assert [b.role for b in output.predictions if isinstance(b, PredictionBatch)] == ["live", "shadow"]
    assert len(told(output)) == 1


def test_shadow_that_cannot_load_is_recorded_as_skipped(bench: Bench) -> None:
    bench.take(bench.writer.control("shadow", strategy="s", model="gone", model_version=3))
    output = bench.bar(0, LONG)
    batch = output.predictions[1]
    assert isinstance(batch, PredictionBatch)
    assert [STATUSES[code] for code in batch.status] == ["skipped"]
    assert told(output) == ["long"]


@pytest.mark.parametrize(
    ("fallback", "second", "third"),
    [
        ("last", ("fallback", 0.9, "long"), ("skipped", 0.0, "flat")),  # the third bar is too far for the last score
        ("default", ("default", 0.75, "long"), ("default", 0.75, "long")),
        ("skip", ("skipped", 0.0, "flat"), ("skipped", 0.0, "flat")),
    ],
)
def test_deadline_missed(fallback: str, second: tuple[object, ...], third: tuple[object, ...]) -> None:
    bench = Bench()
    ref = bench.models.add(fallback=fallback)
    bench.activate(ref=ref)
    bench.bar(0, LONG)
    bench.models.models[ref].silent = True
    for at, expected in ((5, second), (6, third)):
        output = bench.bar(at, LONG)
        batch = output.predictions[0]
        assert isinstance(batch, PredictionBatch)
        assert batch.deadline_missed
        row = (STATUSES[batch.status[0]], batch.score[0], DIRECTIONS[batch.direction[0]])
        assert row == expected
        assert batch.confidence[0] == 0.0
        if expected[0] == "skipped":
            assert (told(output), outcomes(output)) == ([], [["none"]])
        elif at == 5:
            assert [s.reason for s in output.signals if isinstance(s, Signal)] == ["fallback"]


def test_signal_says_where_it_comes_from(bench: Bench) -> None:
    signal = bench.bar(0, {"A": (0.9, 0.8)}).signals[0]
    assert isinstance(signal, Signal)
    assert signal.signal_id == signal_id("default", "A", "1s", T0)
    assert (signal.timestamp, signal.event_time, signal.source) == (T0 / SECOND, T0, (0, 1))
    assert (signal.expires_at, signal.reference_price, signal.reason) == (T0 + 5 * SECOND, 100.0, "live")


def test_seq_is_gap_free_over_signals_heartbeats_and_notices(bench: Bench) -> None:
    outputs = [
        bench.bar(0, {"A": (0.9, 0.8), "B": (0.9, 0.8)}),
        bench.take(bench.writer.mark(T0)),
        bench.take(bench.writer.control("pause")),
        bench.bar(1, LONG),
        bench.take(bench.writer.mark(T0 + SECOND, "final")),
    ]
    messages = [message for output in outputs for message in output.signals]
    assert [message.seq for message in messages] == [1, 2, 3, 4, 5]  # 0 was the notice of the activation
    assert [m.event_time for m in messages if isinstance(m, Heartbeat)] == [T0, T0 + SECOND]


def test_restart_inside_window() -> None:
    """The next owner has the snapshot and the batches recorded since: the window of an emission goes on."""
    bench = Bench()
    bench.activate()
    bench.bar(0, LONG)
    kept = bench.inference.snapshot().state
    recorded = bench.bar(1, SHORT).predictions
    state = RouterState.restore(kept)
    state.replay([batch for batch in recorded if isinstance(batch, PredictionBatch)])
    bench.inference = PartitionInference(
        partition=0,
        models=bench.models,
        standing=bench.inference.standing,
        control=bench.inference.control,
        state=state,
    )
    assert [told(bench.bar(at, SHORT)) for at in (2, 5, 6)] == [[], [], ["short"]]


def test_snapshot_of_another_release_is_refused() -> None:
    bench = Bench()
    bench.activate()
    bench.bar(0, LONG)
    state = bench.inference.snapshot().state.replace(b"\xa1v\x01", b"\xa1v\x63")
    with pytest.raises(StateRefused, match="version 99"):
        RouterState.restore(state)


def two_models() -> Bench:
    """Strategies s (model m on the set tiny) and t (model n on the set other)."""
    bench = Bench()
    bench.activate("s", bench.models.add("m"))
    bench.activate("t", bench.models.add("n", feature_set="other"))
    return bench
