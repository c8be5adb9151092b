"""The monitor over whole logs: values against scipy, alerts of a planted decay, and no trace of the interleaving."""

from dataclasses import replace

import msgpack
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.chain import ChainGap
from pipeline.drift.config import DriftConfig
from pipeline.drift.course import Course
from pipeline.drift.metric import DriftMetric
from pipeline.drift.monitor import FORGOTTEN_AFTER, DriftMonitor, SessionReport
from pipeline.drift.monitor_state import StateUnusable, restore, snapshot
from pipeline.drift.population_stability import Reference, reference_of
from pipeline.drift.score_counts import DayCounts
from pipeline.drift.training_reference import TrainingReference
from schemas.bars import Watermark
from schemas.features import ReturnBatch
from schemas.intervals import DAY
from schemas.predictions import PredictionBatch
from signaltape.console.drift.firing import firing_in
from tests.support.drift_logs import Lane, Logs, Message, Plan, build
from tests.support.drift_run import interleaved
from tests.support.policies import CLASSIC

pytestmark = pytest.mark.unit
REFERENCE = reference_of(np.random.default_rng(5).normal(size=2_000))
DECAY = ("good",) * 4 + ("weak", "poor", "few", "bad", "none", "bad", "bad", "good", "poor")


def run(
    lanes: dict[Lane, list[Message]],
    *,
    seed: int = 0,
    stop_every: int = 0,
    reference: Reference | None = REFERENCE,
) -> tuple[list[SessionReport], DriftMonitor]:
    """Feed a random interleaving of the lanes; with `stop_every`, go through a snapshot each so many messages."""
    config = DriftConfig(partitions=len(lanes) // 2, policy=CLASSIC)
    return interleaved(lanes, config, TrainingReference(sketch=reference), seed=seed, stop_every=stop_every)


def values(reports: list[SessionReport], metric: str) -> dict[int, float | None]:
    return {one.session: one.value for report in reports for one in report.metrics if one.metric == metric}


def metric_of(reports: list[SessionReport], session: int, name: str) -> DriftMetric:
    (found,) = [m for r in reports if r.session == session for m in r.metrics if m.metric == name]
    return found


def fired(reports: list[SessionReport], first: int) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for report in reports:
        for alert in report.alerts:
            found.setdefault(alert.rule, []).append(alert.session - first)
    return found


@pytest.fixture(scope="module")
def decay() -> tuple[Plan, Logs]:
    plan = Plan(days=DECAY, shift={2: 0.45, 9: 1.5, 10: 1.2})
    return plan, build(plan)


def test_values_equal_those_computed_from_the_raw_rows(decay: tuple[Plan, Logs]) -> None:
    plan, logs = decay
    reports, monitor = run(logs.lanes)
    expected = logs.daily_ic()
    expected[plan.first] = None  # no label has matured on the first day
    found = values(reports, "ic")
    assert found.keys() == expected.keys()
    assert found == {s: None if v is None else pytest.approx(v, abs=1e-14) for s, v in expected.items()}
    stability = logs.daily_psi(list(REFERENCE.edges), list(REFERENCE.counts))
    assert values(reports, "psi") == {s: v if v is None else pytest.approx(v, rel=1e-12) for s, v in stability.items()}
    assert [report.session for report in reports] == sorted(expected)
    assert (monitor.counts.late, monitor.counts.repeated) == (0, 0)


def test_a_planted_decay_raises_exactly_the_alerts_of_the_policy(decay: tuple[Plan, Logs]) -> None:
    """Days 4 weak, 5 poor, 7 bad, 9 bad, 10 bad (6 too few names, 8 no bars), 12 poor; 2, 9 and 10 shifted scores."""
    plan, logs = decay
    reports, _ = run(logs.lanes)
    found = fired(reports, plan.first)
    assert found == {
        "ic_low_5_days": [10],
        "ic_very_low": [5, 12],
        "ic_negative_3_days": [10],
        "psi_moved": [2, 9],
        "psi_shifted": [9],
    }


def test_what_fires_at_the_end_is_what_has_not_ended(decay: tuple[Plan, Logs]) -> None:
    """Of all that was raised, only the IC of the last day is still too low."""
    _, logs = decay
    _, monitor = run(logs.lanes)
    state = msgpack.unpackb(snapshot(monitor), strict_map_key=False)
    assert firing_in(state, CLASSIC) == {("momentum", "score/ridge:3/1d/1/live", "ic_very_low")}


def test_an_alert_carries_its_evidence(decay: tuple[Plan, Logs]) -> None:
    plan, logs = decay
    reports, _ = run(logs.lanes)
    (alert,) = [a for r in reports for a in r.alerts if a.rule == "ic_negative_3_days"]
    assert alert.strategy == "momentum"
    assert alert.subject == "score/ridge:3/1d/1/live"
    assert alert.severity == "urgent"
    assert alert.suggested_action == "pause and review"
    assert alert.onset == (plan.first + 7) * DAY
    assert alert.window == ((plan.first + 7) * DAY, (plan.first + 11) * DAY)
    assert alert.event_time == (plan.first + 11) * DAY
    assert alert.sample_size == 30
    ics = logs.daily_ic()
    assert alert.evidence["recent"] == pytest.approx([ics[plan.first + day] for day in (7, 9, 10)])
    assert alert.evidence["days"] == 3
    assert len({a.alert_id for r in reports for a in r.alerts}) == sum(len(r.alerts) for r in reports)


def test_too_few_names_is_insufficient_and_says_how_many(decay: tuple[Plan, Logs]) -> None:
    plan, logs = decay
    reports, _ = run(logs.lanes)
    few = metric_of(reports, plan.first + 6, "ic")
    assert (few.verdict, few.value, few.sample_size) == ("insufficient", None, 19)
    assert few.detail["names_max"] == 19
    assert few.detail["minimum_names"] == 20
    psi = metric_of(reports, plan.first + 5, "psi")  # the 19 predictions themselves were made the day before
    assert (psi.verdict, psi.value, psi.detail["names"]) == ("insufficient", None, 19)
    first = metric_of(reports, plan.first, "ic")
    assert (first.verdict, first.sample_size, first.detail["reason"]) == ("insufficient", 0, "no label matured")


def test_mean_of_five_sessions_with_data(decay: tuple[Plan, Logs]) -> None:
    plan, logs = decay
    reports, _ = run(logs.lanes)
    ics = logs.daily_ic()
    assert metric_of(reports, plan.first + 5, "ic_mean_5").value == pytest.approx(
        np.mean([ics[plan.first + day] for day in (1, 2, 3, 4, 5)])
    )
    assert metric_of(reports, plan.first + 4, "ic_mean_5").verdict == "insufficient"  # four days so far
    assert metric_of(reports, plan.first + 6, "ic_mean_5").detail["reason"] == "no IC in this session"
    assert metric_of(reports, plan.first + 7, "ic_mean_5").detail["sessions"] == [
        plan.first + day for day in (2, 3, 4, 5, 7)
    ]


def test_mean_over_the_look_back_has_an_error() -> None:
    logs = build(Plan(days=("good", "weak") * 8))
    reports, _ = run(logs.lanes)
    ics = [value for _, value in sorted(logs.daily_ic().items()) if value is not None]
    last = metric_of(reports, reports[-1].session, "ic_mean")
    assert last.value == pytest.approx(np.mean(ics))
    assert last.detail["standard_error"] == pytest.approx(np.std(ics, ddof=1) / np.sqrt(len(ics)), rel=1e-9)
    assert last.detail["low"] < np.mean(ics) < last.detail["high"]
    ninth = metric_of(reports, reports[9].session, "ic_mean")
    assert (ninth.verdict, ninth.sample_size, ninth.detail["minimum"]) == ("insufficient", 9, 10)


def test_without_a_training_reference_stability_is_insufficient() -> None:
    reports, _ = run(build(Plan(days=("good",) * 3, shift={1: 9.0})).lanes, reference=None)
    assert {m.detail["reason"] for r in reports for m in r.metrics if m.metric == "psi"} == {
        "the model has no training reference"
    }
    assert not any(report.alerts for report in reports)


def test_a_shadow_has_metrics_but_no_alerts() -> None:
    reports, _ = run(build(Plan(days=("bad",) * 6, role="shadow")).lanes)
    assert all(value < 0 for value in list(values(reports, "ic").values())[1:] if value is not None)
    assert not any(report.alerts for report in reports)


def test_rows_that_are_not_the_models_own_are_excluded_and_counted() -> None:
    logs = build(Plan(days=("good",) * 3, symbols=30))
    lanes = {
        lane: [
            replace(one, status=np.array([1] + [0] * (len(one.symbols) - 1), np.uint8))
            if isinstance(one, PredictionBatch)
            else one
            for one in log
        ]
        for lane, log in logs.lanes.items()
    }
    reports, _ = run(lanes)
    last = reports[-1].session
    assert metric_of(reports, last, "psi").detail["excluded"] == 3  # one of each partition
    assert metric_of(reports, last, "psi").sample_size == 27
    assert metric_of(reports, last, "ic").sample_size == 27


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), stop_every=st.integers(0, 40), repeat=st.integers(0, 5))
def test_interleaving_restarts_and_repeats_change_no_bit(
    decay: tuple[Plan, Logs], seed: int, stop_every: int, repeat: int
) -> None:
    """`returns` is written at least once: a crash of its writer repeats its last messages."""
    _, logs = decay
    expected, monitor = run(logs.lanes)
    lanes = {lane: repeated(log, repeat) if lane[0] == "returns" else log for lane, log in logs.lanes.items()}
    found, after = run(lanes, seed=seed, stop_every=stop_every)
    assert found == expected
    assert after.counts.repeated == sum(len(log) for log in lanes.values()) - sum(map(len, logs.lanes.values()))
    after.counts.repeated = 0
    assert snapshot(after) == snapshot(monitor)


def repeated(log: list[Message], count: int) -> list[Message]:
    return [*log[:9], *log[9 - count : 9], *log[9:]]


def test_memory_is_given_back_as_sessions_close(decay: tuple[Plan, Logs]) -> None:
    _, logs = decay
    _, monitor = run(logs.lanes)
    state = monitor.ledger.snapshot()
    assert state["labels"] == []
    (((_, (times, _, _))),) = state["waiting"]
    assert len(times) == 8 * 30  # the last day's predictions
    assert monitor.scores.snapshot() == []


def test_a_gap_in_returns_stops() -> None:
    lanes = build(Plan(days=("good",) * 4)).lanes
    del lanes["returns", 1][3]
    with pytest.raises(ChainGap, match="chain is broken"):
        run(lanes)


def test_corrections_and_late_rows_are_counted_not_joined() -> None:
    logs = build(Plan(days=("good",) * 4))
    expected, _ = run(logs.lanes)
    lanes = {lane: list(log) for lane, log in logs.lanes.items()}
    late_prediction = next(one for one in lanes["predictions", 0] if isinstance(one, PredictionBatch))
    lanes["predictions", 0].append(late_prediction)
    batch = next(one for one in lanes["returns", 0] if isinstance(one, ReturnBatch))
    last = next(one.link for one in reversed(lanes["returns", 0]) if isinstance(one, Watermark))
    assert last is not None
    for number, kind in enumerate(("correction", "live"), start=1):
        previous, position = last.position, (last.position[0] + number, 0)
        last = replace(last, position=position, previous=previous)
        lanes["returns", 0].append(replace(batch, kind=kind, link=last, log_return=batch.log_return + 1))
    reports, monitor = run(lanes)
    assert reports == expected
    assert monitor.counts.corrections == len(batch.symbols)
    assert monitor.counts.late == len(late_prediction.symbols) + len(batch.symbols)


def test_a_state_of_other_partitions_or_version_is_refused() -> None:
    data = snapshot(DriftMonitor(DriftConfig(partitions=2, policy=CLASSIC)))
    with pytest.raises(StateUnusable, match="the state covers lanes"):
        restore(DriftConfig(partitions=4, policy=CLASSIC), data)
    with pytest.raises(StateUnusable, match="state has version 77"):
        restore(DriftConfig(partitions=2, policy=CLASSIC), data.replace(b"\xa7version\x04", b"\xa7version\x4d"))


def test_a_series_that_fell_silent_is_forgotten_and_one_that_goes_on_is_not() -> None:
    """Retraining leaves a version behind every few days: the state holds those of the last three months."""
    logs = build(Plan(days=("good",) * 5))
    _, monitor = run(logs.lanes)
    ((series, course),) = monitor.courses.items()
    old, recent = replace(series, version=1), replace(series, version=2)
    for one, silent in ((old, FORGOTTEN_AFTER + 1), (recent, FORGOTTEN_AFTER)):
        monitor.learn((one.model, one.version), TrainingReference())
        monitor.courses[one] = Course(watch=CLASSIC.watch(TrainingReference()), last=course.last - silent)
        monitor.closed_scores[one] = monitor.closed_scores[series]
    monitor = restore(monitor.config, snapshot(monitor))
    monitor._close(course.last)
    assert set(monitor.courses) == set(monitor.closed_scores) == {series, recent}
    assert {version for _, version in monitor.references} == {series.version, 2}
    assert monitor.courses[series].last == course.last


def test_a_session_of_too_few_names_is_none_to_compare_the_next_with() -> None:
    """What is stored of it is insufficient, so a replay could not compare with it either."""
    _, monitor = run(build(Plan(days=("good",))).lanes)
    ((series, before),) = monitor.closed_scores.items()
    few = DayCounts(counts=before.counts * 2, names={f"S{at}" for at in range(monitor.config.minimum_names - 1)})
    assert monitor._observed(series, 1, few, None, {}).before is before
    assert monitor.closed_scores[series] is before
    enough = replace(few, names={*few.names, "one more"})
    assert monitor._observed(series, 2, enough, None, {}).before is before
    assert monitor.closed_scores[series] is enough
