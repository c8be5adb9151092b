"""Simulated models: they have the properties that they claim, and the same seed gives the same."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from pipeline.drift.feature_report import _same_p, stability
from pipeline.drift.population_stability import Reference, stability_index
from pipeline.drift.results import Insufficient
from pipeline.drift.simulation.faults import DELAY, FAULTS, broken, parse_fault
from pipeline.drift.simulation.features import NAMES
from pipeline.drift.simulation.market import autoregressive, market
from pipeline.drift.simulation.scenario import VARIANTS, Scenario, sized
from pipeline.drift.simulation.world import FIRST, World, world

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def drawn() -> World:
    return world(sized("gaps", names=100, sessions=120), 3, 0)


@pytest.mark.parametrize("variant", ["plain", "market", "overlap", "blocks", "everything"])
def test_the_true_ic_is_what_the_scenario_says(variant: str) -> None:
    scenario = replace(VARIANTS[variant], sessions=756, coefficient=0.08)
    daily = []
    for seed in range(3):
        one = market(np.random.default_rng(seed), scenario)
        total = np.cumsum(one.returns, axis=0, dtype=np.float64)
        labels = total[scenario.horizon :] - total[: -scenario.horizon]
        scores = one.scores[: -scenario.horizon]
        daily += [spearmanr(scores[at], labels[at]).statistic for at in range(0, len(labels), scenario.horizon * 5)]
    error = np.std(daily) / len(daily) ** 0.5
    assert abs(np.mean(daily) - 0.08) < 4 * error
    assert error < 0.013


def test_blocks_widen_the_daily_ic_and_a_factor_alone_does_not() -> None:
    def spread(variant: str) -> float:
        one = market(np.random.default_rng(1), replace(VARIANTS[variant], sessions=504))
        return float(np.std([spearmanr(one.scores[at], one.returns[at + 1]).statistic for at in range(0, 1000, 3)]))

    assert spread("market") == pytest.approx(499**-0.5, rel=0.15)
    assert spread("blocks") > 1.4 * 499**-0.5


def test_returns_are_rough_and_features_slow() -> None:
    one = market(np.random.default_rng(5), replace(VARIANTS["market"], sessions=2016))
    turbulent, calm = one.returns[one.turbulent], one.returns[~one.turbulent]
    assert len(turbulent) > 100
    quartiles = [np.subtract(*np.quantile(part, [0.75, 0.25])) for part in (turbulent, calm)]
    assert quartiles[0] / quartiles[1] == pytest.approx(3, rel=0.15)
    assert np.mean(np.abs(calm) > 5 * np.std(calm)) > 1e-3  # 6e-7 for normal values
    slow = autoregressive(np.random.default_rng(5), (4000, 50), 0.98)
    assert np.std(slow) == pytest.approx(1, rel=0.1)
    assert np.mean(slow[1:] * slow[:-1]) / np.mean(slow**2) == pytest.approx(0.98, abs=0.005)


def test_a_world_is_a_function_of_seed_and_number(drawn: World) -> None:
    again, other = (world(drawn.scenario, 3, number) for number in (0, 1))
    assert (again.tables.features == drawn.tables.features).all()
    assert (other.tables.features != drawn.tables.features).any()
    left, right = list(drawn.history().days()), list(again.history().days())
    assert [(one.session, one.values) for one in left] == [(one.session, one.values) for one in right]


def test_what_is_measured_at_once_is_what_the_agent_measures_one_by_one(drawn: World) -> None:
    history, training = drawn.history(), drawn.scenario.training
    features, sketch = drawn.reference.features, drawn.reference.sketch
    assert features is not None
    assert sketch is not None
    assert history.features is not None
    for at in range(0, 120, 17):
        counts = drawn.tables.features[training + at]
        if not drawn.presence.open[training + at] or counts.sum(axis=1).min() < counts.shape[1]:
            continue
        assert (history.features.values["feature_psi"][at] == stability(features.counts, counts)).all()
        expected = _same_p(features.counts, counts)
        assert np.allclose(history.features.values["feature_ks_p"][at], expected, rtol=1e-9)
        whole = stability_index(
            Reference(edges=sketch.edges, counts=sketch.counts), drawn.tables.scores[training + at, 0]
        )
        assert not isinstance(whole, Insufficient)
        assert history.values["psi"][at] == pytest.approx(whole)


def test_missing_days_are_no_days_and_late_labels_are_no_ic(drawn: World) -> None:
    days = list(drawn.history().days())
    shut = np.flatnonzero(~drawn.presence.open[drawn.scenario.training :]) + FIRST
    assert len(shut) > 0
    assert not {one.session for one in days} & set(shut.tolist())
    assert 0 < sum("ic" not in one.values for one in days) < 25


@pytest.mark.parametrize("name", list(FAULTS))
def test_a_fault_changes_what_it_strikes_from_its_session_on(drawn: World, name: str) -> None:
    at, training = 60, drawn.scenario.training
    tables = broken(drawn, FAULTS[name], "own_0", at, 40)
    begin = training + at
    ic, healthy = tables.labels["ic"], drawn.tables.labels["ic"]
    assert np.array_equal(ic[:begin], healthy[:begin], equal_nan=True)
    assert np.array_equal(tables.features[:begin], drawn.tables.features[:begin])
    moved = (tables.features[begin : begin + 40] != drawn.tables.features[begin : begin + 40]).any(axis=(0, 2))
    if name.startswith("feature"):
        assert np.flatnonzero(moved).tolist() == [NAMES.index("own_0")]
        assert np.array_equal(ic, healthy, equal_nan=True)
    elif name == "feed_late":
        assert moved.all()
    else:
        assert not moved.any()
        assert not np.array_equal(ic[begin : begin + 40], healthy[begin : begin + 40], equal_nan=True)
    if name == "labels_delayed":
        assert np.isnan(ic[begin : begin + DELAY]).all()
        assert np.array_equal(ic[begin + DELAY : begin + 40], healthy[begin : begin + 40 - DELAY], equal_nan=True)


def test_a_lost_ic_is_lost() -> None:
    one = world(Scenario(name="strong", sessions=250, coefficient=0.2), 1, 0)
    ic = broken(one, FAULTS["ic_zero"], "own_0", 0, 250).labels["ic"][504:]
    half = broken(one, FAULTS["ic_halves"], "own_0", 0, 250).labels["ic"][504:]
    error = 500**-0.5 / 250**0.5
    assert abs(np.mean(one.tables.labels["ic"][504:]) - 0.2) < 5 * error
    assert abs(np.mean(half) - 0.1) < 5 * error
    assert abs(np.mean(ic)) < 5 * error


@pytest.mark.parametrize("text", ["nothing", "ic_zero:own_0", "feature_shifted:own_99", "feature_shifted:own_0:x"])
def test_an_unknown_fault_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="fault"):
        parse_fault(text)


@pytest.mark.parametrize(
    "setting", [{"names": 39}, {"blocks": 7}, {"held_out": 505}, {"horizon": 0}, {"late": 0.6}, {"correlation": 1.0}]
)
def test_an_impossible_scenario_is_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"names|held_out|shares"):
        Scenario(**setting)  # type: ignore[arg-type]
