"""Features through the monitor: partitions add up, the reference decides, and no order of arrival leaves a trace."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import kstwobign

from infra.warehouse.drift_history import StoredMetric
from pipeline.drift.coarse_bins import coarse
from pipeline.drift.config import DriftConfig
from pipeline.drift.feature_days import StatisticsUnusable
from pipeline.drift.monitor import DriftMonitor, SessionReport
from pipeline.drift.monitor_state import restore, snapshot
from pipeline.drift.policies.finding import Policy
from pipeline.drift.population_stability import Reference, reference_of, stability_index
from pipeline.drift.simulation.replay import replay
from pipeline.drift.stored_days import rebuilt
from pipeline.drift.training_reference import FeatureReference, TrainingReference, reference_bands
from pipeline.feature_stats import BINS, EDGES
from schemas.bars import Watermark
from schemas.predictions import FeatureStats
from signaltape.drift.stored import by_series
from tests.support.drift_logs import Lane, Message, Plan, build
from tests.support.drift_run import interleaved
from tests.support.policies import CALIBRATED, CLASSIC

pytestmark = pytest.mark.unit
NAMES = ("steady", "frozen", "shifted", "gone")
PLAN = Plan(days=("good",) * 30)
FAULT_DAY = 12
CONFIG = DriftConfig(partitions=PLAN.partitions, policy=CALIBRATED)


def counted(values: np.ndarray) -> np.ndarray:
    return np.stack([np.bincount(np.searchsorted(EDGES, row, side="right"), minlength=BINS) for row in values])


def reference(rng: np.random.Generator) -> TrainingReference:
    sessions = np.stack([counted(rng.normal(size=(4, 300))) for _ in range(60)])
    whole = sessions.sum(axis=0)
    bands = reference_bands(whole, sessions, minimum=20, inflation=1.5)
    features = FeatureReference(feature_set="core", set_version=1, names=NAMES, counts=whole, bands=bands)
    return TrainingReference(sketch=reference_of(rng.normal(size=2_000)), features=features)


@pytest.fixture(scope="module")
def world() -> tuple[dict[Lane, list[Message]], TrainingReference, dict[int, np.ndarray]]:
    """Good predictions, and each day's features, split over the partitions before the watermark that closes the day."""
    rng = np.random.default_rng(8)
    lanes = {lane: list(log) for lane, log in build(PLAN).lanes.items()}
    stuck = rng.normal(size=300)
    days: dict[int, np.ndarray] = {}
    for number in range(len(PLAN.days)):
        values = rng.normal(size=(4, 300))
        if number >= FAULT_DAY:
            values[1], values[2] = stuck, values[2] + 1
        session = PLAN.first + number
        days[session] = counted(values)[:3] if number == 20 else counted(values)
        names = NAMES[:3] if number == 20 else NAMES
        parts = [counted(part)[: len(names)] for part in np.array_split(values, PLAN.partitions, axis=1)]
        for partition, counts in enumerate(parts):
            log = lanes["predictions", partition]
            at = next(
                index
                for index, one in enumerate(log)
                if isinstance(one, Watermark)
                and (one.partition_time is None or one.partition_time // 86_400_000_000_000 > session)
            )
            log.insert(at, message(session, partition, names, counts))
    return lanes, reference(rng), days


def message(session: int, partition: int, names: tuple[str, ...], counts: np.ndarray) -> FeatureStats:
    zeros = np.zeros(len(names))
    return FeatureStats(
        source_partition=partition,
        feature_set="core",
        set_version=1,
        interval="1d",
        session=session,
        features=names,
        bins=BINS,
        inner=BINS - 1,
        edges=np.tile(EDGES, (len(names), 1)),
        counts=counts,
        n=counts.sum(axis=1),
        mean=zeros,
        m2=zeros,
    )


def run(
    lanes: dict[Lane, list[Message]],
    known: TrainingReference,
    *,
    seed: int = 0,
    stop_every: int = 0,
    config: DriftConfig = CONFIG,
) -> tuple[list[SessionReport], DriftMonitor]:
    return interleaved(lanes, config, known, seed=seed, stop_every=stop_every)


World = tuple[dict[Lane, list[Message]], TrainingReference, dict[int, np.ndarray]]


@pytest.mark.parametrize("policy", [CALIBRATED, CLASSIC], ids=lambda one: one.name)
def test_what_is_stored_is_enough_to_replay_the_policy(world: World, policy: Policy) -> None:
    lanes, known, _ = world
    reports, _ = run(lanes, known, config=replace(CONFIG, policy=policy))
    rows = [
        StoredMetric(
            subject=one.subject, metric=one.metric, session=one.session, value=one.value,
            sample_size=one.sample_size, detail=orjson.loads(orjson.dumps(one.detail)),
        )
        for report in reports
        for one in report.metrics
    ]  # fmt: skip
    said = [(one.subject, one.session, one.rule) for report in reports for one in report.alerts]
    assert said
    replayed = []
    for subject, days in by_series(rows).items():
        sessions = rebuilt(known, days, minimum=CONFIG.minimum_names)
        replayed += [(subject, one.session, one.rule) for one in replay(policy, known, sessions).alarms]
    assert replayed == said


def test_partitions_add_up_to_the_stability_of_the_whole(world: World) -> None:
    lanes, known, days = world
    reports, _ = run(lanes, known)
    assert known.features is not None
    compared = 0
    for report in reports:
        found = {m.subject.rsplit("/", 1)[1]: m for m in report.metrics if m.metric == "feature_psi"}
        assert set(found) == set(NAMES)
        expected = {}
        for row, counts in enumerate(days[report.session]):
            ten, today = coarse(known.features.counts[row : row + 1], counts[None, :])
            sketch = Reference(edges=tuple(map(float, range(11))), counts=tuple(ten[0].tolist()))
            expected[NAMES[row]] = stability_index(sketch, today[0])
            assert found[NAMES[row]].value == pytest.approx(expected[NAMES[row]], rel=1e-12)
            assert found[NAMES[row]].sample_size == 300
            compared += 1
        (largest,) = [m for m in report.metrics if m.metric == "feature_psi_max"]
        assert largest.value == pytest.approx(max(expected.values()), rel=1e-12)
    assert compared == 30 * 4 - 1


def test_the_ks_p_value_is_near_scipys(world: World) -> None:
    lanes, known, days = world
    reports, _ = run(lanes, known)
    assert known.features is not None
    last = reports[-1]
    reference_shares, shares = known.features.counts[2] / known.features.counts[2].sum(), days[last.session][2] / 300
    distance = np.abs(np.cumsum(reference_shares) - np.cumsum(shares)).max()
    size = 300 * 18_000 / 18_300
    (metric,) = [m for m in last.metrics if m.metric == "feature_psi" and m.subject.endswith("/shifted")]
    assert metric.detail["ks_p"] == pytest.approx(kstwobign.sf(np.sqrt(size) * distance), abs=1e-6)


def test_a_feature_that_the_set_no_longer_has_is_insufficient(world: World) -> None:
    lanes, known, _ = world
    reports, _ = run(lanes, known)
    (missing,) = [
        m
        for r in reports
        if r.session == PLAN.first + 20
        for m in r.metrics
        if m.metric == "feature_psi" and m.subject.endswith("/gone")
    ]
    assert (missing.verdict, missing.value, missing.detail["reason"]) == ("insufficient", None, "too few values")


def test_frozen_and_shifted_features_are_named_within_days(world: World) -> None:
    lanes, known, _ = world
    reports, _ = run(lanes, known)
    alerts = [alert for report in reports for alert in report.alerts if "features_moved" in alert.rule]
    assert 1 <= len(alerts) <= 2
    first = alerts[0]
    assert first.session <= PLAN.first + FAULT_DAY + 5
    assert first.sample_size == 300
    assert "300 observations" in first.message
    members = {one["name"]: one["says"] for alert in alerts for one in alert.evidence["members"]}
    assert set(members) <= {"frozen", "shifted"}
    assert "shifted" in members
    assert first.false_alarm_budget == pytest.approx(0.4)
    assert first.onset is not None
    assert abs(first.onset // 86_400_000_000_000 - (PLAN.first + FAULT_DAY)) <= 1


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), stop_every=st.integers(20, 90))
def test_interleaving_and_restarts_change_no_bit(world: World, seed: int, stop_every: int) -> None:
    lanes, known, _ = world
    expected, monitor = run(lanes, known)
    found, after = run(lanes, known, seed=seed, stop_every=stop_every)
    assert found == expected
    assert snapshot(after) == snapshot(monitor)


def without(part: str) -> Callable[[TrainingReference], TrainingReference]:
    return lambda known: replace(known, **{part: None})


def test_without_a_reference_features_are_insufficient_and_say_so(world: World) -> None:
    lanes, known, _ = world
    reports, _ = run(lanes, without("features")(known))
    reasons = {m.detail.get("reason") for r in reports for m in r.metrics if m.metric == "feature_psi_max"}
    assert reasons == {"the model has no reference of its features"}
    assert not [alert for r in reports for alert in r.alerts if "features" in alert.rule]


def test_another_policy_takes_over_the_figures_and_begins_its_watch_anew(world: World) -> None:
    lanes, known, _ = world
    _, monitor = run(lanes, known)
    other = restore(DriftConfig(partitions=PLAN.partitions), snapshot(monitor))
    assert snapshot(other) == snapshot(monitor)  # the default policy is the one that ships
    classic = restore(DriftConfig(partitions=PLAN.partitions, policy=CLASSIC), snapshot(monitor))
    (course,) = classic.courses.values()
    (before,) = monitor.courses.values()
    assert course.history == before.history
    assert course.watch.snapshot()[0] == []


def test_statistics_that_disagree_about_the_features_are_refused(world: World) -> None:
    days = world[2]
    monitor = DriftMonitor(CONFIG)
    counts = days[PLAN.first]
    monitor.step(("predictions", 0), message(PLAN.first, 0, NAMES, counts))
    with pytest.raises(StatisticsUnusable, match="raise the set's version"):
        monitor.step(("predictions", 1), message(PLAN.first, 1, NAMES[:3], counts[:3]))
