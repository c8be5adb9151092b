"""The parts of training on literal numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from signaltape.training.calibration import Calibration, fit_calibration, thresholds_of
from signaltape.training.dataset import Rows, maturities
from signaltape.training.errors import TrainingError
from signaltape.training.evaluation import evaluate, metric_rows
from signaltape.training.splitting import split_by_time
from signaltape.training.tree_family import fit as fit_trees
from signaltape.training.tree_family import float32_threshold


def rows_of(event_time: list[int], matures: list[int], y: list[float] | None = None) -> Rows:
    n = len(event_time)
    return Rows(
        features=("a",),
        x=np.zeros((n, 1), dtype=np.float32),
        y=np.zeros(n) if y is None else np.array(y),
        event_time=np.array(event_time),
        matures=np.array(matures),
        symbol=np.array(["s"] * n, dtype=object),
    )


def test_labels_mature_at_the_symbol_s_own_bars() -> None:
    """B misses the bar at 30: its label of 20 over two bars matures at 50, not at 40."""
    symbol = np.array(["A", "B", "A", "B", "A", "A", "B", "A", "B"], dtype=object)
    time = np.array([10, 10, 20, 20, 30, 40, 40, 50, 50])
    assert maturities(symbol, time, 2).tolist() == [30, 40, 40, 50, 50, -1, -1, -1, -1]
    assert maturities(symbol, time, 9).tolist() == [-1] * 9


def test_embargo_lies_between_the_spans() -> None:
    """1,000 bars, horizon 5: training ends where its labels are known before the first validation prediction."""
    rows = rows_of(list(range(1, 1001)), list(range(6, 1006)))
    split = split_by_time(rows, 0.2, 0.2, 1_000)
    assert split.boundaries == (601, 801)
    assert (split.train.event_time[0], split.train.event_time[-1]) == (1, 595)  # matures at 600
    assert (split.validation.event_time[0], split.validation.event_time[-1]) == (601, 795)
    assert (split.test.event_time[0], split.test.event_time[-1]) == (801, 1000)
    assert split.embargoed == 10


def test_one_time_is_never_split() -> None:
    times = [time for time in range(1, 201) for _ in range(7)]
    split = split_by_time(rows_of(times, [time + 1 for time in times]), 0.2, 0.2, 1_000)
    spans = [set(part.event_time.tolist()) for part in (split.train, split.validation, split.test)]
    assert not (spans[0] & spans[1])
    assert not (spans[1] & spans[2])


def test_a_slow_symbol_s_label_waits_for_its_own_bar() -> None:
    """A label that matures inside validation is no training row, however early it was predicted."""
    matures = list(range(6, 1006))
    matures[99] = 700
    split = split_by_time(rows_of(list(range(1, 1001)), matures), 0.2, 0.2, 1_000)
    assert 100 not in split.train.event_time


def test_too_few_rows() -> None:
    with pytest.raises(TrainingError, match="999 labelled rows are fewer than the minimum of 1,000"):
        split_by_time(rows_of(list(range(999)), list(range(1, 1000))), 0.2, 0.2, 1_000)


def test_too_few_times() -> None:
    times = [1] * 500 + [2] * 500
    with pytest.raises(TrainingError, match="the training span holds 0 rows"):
        split_by_time(rows_of(times, [3] * 1000), 0.2, 0.2, 1_000)


def drawn(intercept: float, slope: float, n: int = 60_000) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and returns whose sign is right with probability sigmoid(intercept + slope |score|)."""
    rng = np.random.default_rng(11)
    score = rng.normal(0.0, 1.0, n)
    right = rng.random(n) < 1.0 / (1.0 + np.exp(-(intercept + slope * np.abs(score))))
    return score * 0.002, np.where(right, np.sign(score), -np.sign(score)) * 0.01


def test_calibration_finds_the_probability_that_was_drawn() -> None:
    found = fit_calibration(*drawn(0.1, 0.4), scale=0.002)
    assert (found.intercept, found.slope) == (pytest.approx(0.1, abs=0.04), pytest.approx(0.4, abs=0.04))
    assert found.rows == 60_000
    score, y = drawn(0.1, 0.4)
    strong = np.abs(score) > 0.004
    assert found.confidence(score[strong]).mean() == pytest.approx(
        np.mean(np.sign(score) == np.sign(y), where=strong), abs=0.02
    )


def test_confidence_does_not_fall_with_the_score() -> None:
    found = fit_calibration(*drawn(0.5, -0.4), scale=0.002)
    score, y = drawn(0.5, -0.4)
    assert found.slope == 0.0
    assert found.confidence(np.array([0.0, 9.0])) == pytest.approx(
        [np.mean(np.sign(score) == np.sign(y))] * 2, abs=1e-3
    )


def test_confidence_is_not_extrapolated() -> None:
    found = fit_calibration(*drawn(0.0, 1.0), scale=0.002)
    largest = found.confidence(np.array([found.ceiling * 0.002]))
    assert found.confidence(np.array([1e6])) == pytest.approx(largest)


def test_separable_signs_stay_finite() -> None:
    score = np.linspace(-1, 1, 200)
    found = fit_calibration(score, score, scale=1.0)
    assert 0.9 < found.confidence(np.array([1.0]))[0] < 1.0
    assert math.isfinite(found.intercept)
    wrong = fit_calibration(score, -score, scale=1.0)
    assert wrong.confidence(np.array([1.0]))[0] < 0.02


def test_returns_of_zero_have_no_sign() -> None:
    score, y = drawn(0.1, 0.4, 1_000)
    found = fit_calibration(np.append(score, [0.01] * 50), np.append(y, [0.0] * 50), scale=0.002)
    assert found == fit_calibration(score, y, scale=0.002)
    with pytest.raises(TrainingError, match="exactly 0"):
        fit_calibration(score, y * 0.0, scale=0.002)


def test_not_calibrated_is_even() -> None:
    assert Calibration().confidence(np.array([-1.0, 0.0, 5.0])).tolist() == [0.5] * 3


@pytest.mark.parametrize(
    ("scores", "long", "short"),
    [
        (np.arange(-5.0, 6.0), 3.0, -3.0),  # both signs
        (np.arange(1.0, 12.0), 9.0, 0.0),  # all say up: short only at or below 0
        (-np.arange(1.0, 12.0), 0.0, -9.0),  # all say down
    ],
)
def test_thresholds(scores: np.ndarray, long: float, short: float) -> None:
    found = thresholds_of(scores, 0.8, 0.2, 0.5)
    assert (found.long, found.short, found.min_confidence) == (long, short, 0.5)


def test_thresholds_of_nothing() -> None:
    with pytest.raises(TrainingError, match="learnt nothing"):
        thresholds_of(np.zeros(50), 0.8, 0.2, 0.0)


def sample(n: int = 3_000, strength: float = 0.2) -> tuple[Rows, np.ndarray]:
    rng = np.random.default_rng(2)
    score = rng.normal(0, 1, n)
    y = strength * score + rng.normal(0, 1, n)
    times = [1 + row // 5 for row in range(n)]
    return rows_of(times, [time + 1 for time in times], y.tolist()), score


def test_metrics_agree_with_scipy() -> None:
    rows, score = sample()
    found = evaluate(rows, score, np.full(len(score), 0.6), 1, 7)
    assert found["ic"].value == pytest.approx(stats.pearsonr(score, rows.y).statistic, abs=1e-12)
    assert found["rank_ic"].value == pytest.approx(stats.spearmanr(score, rows.y).statistic, abs=1e-12)
    right = np.sign(score) == np.sign(rows.y)
    assert found["hit_rate"].value == pytest.approx(right.mean())
    assert found["rmse"].value == pytest.approx(math.sqrt(np.mean((score - rows.y) ** 2)))
    assert found["rmse_of_zero"].value == pytest.approx(math.sqrt(np.mean(rows.y**2)))
    assert found["brier"].value == pytest.approx(np.mean((0.6 - right) ** 2))
    assert found["rows"].value == 3_000
    assert "cross_section_rank_ic" not in found  # five names a time are too few


def test_interval_is_as_wide_as_theory_says() -> None:
    """Independent rows: the standard error of a correlation is (1 - r²) / √n."""
    rows, score = sample()
    found = evaluate(rows, score, np.full(len(score), 0.5), 1, 7)["ic"]
    assert found.low is not None
    assert found.high is not None
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx((1 - found.value**2) / math.sqrt(3_000), rel=0.15)


def test_rows_that_move_together_widen_the_interval() -> None:
    """Every row thrice at the same time is the same evidence: the interval stays, it doesn't shrink by √3."""
    rows, score = sample()
    thrice = evaluate(rows.take(np.repeat(np.arange(3_000), 3)), np.repeat(score, 3), np.full(9_000, 0.5), 1, 7)["ic"]
    once = evaluate(rows, score, np.full(3_000, 0.5), 1, 7)["ic"]
    assert thrice.low == pytest.approx(once.low, abs=1e-9)
    assert thrice.high == pytest.approx(once.high, abs=1e-9)


def test_too_few_blocks_give_no_interval() -> None:
    rows, score = sample(60)
    found = evaluate(rows, score, np.full(60, 0.5), 2, 7)
    assert found["ic"].low is None
    assert [one.metric for one in metric_rows("test", {"ic": found["ic"]})] == ["ic"]


def test_error_metrics_are_better_when_smaller() -> None:
    rows, score = sample()
    better = {one.metric: one.higher_is_better for one in metric_rows("test", evaluate(rows, score, score * 0, 1, 7))}
    assert better["rank_ic_low"] is True
    assert better["rmse"] is better["rmse_high"] is better["brier"] is False


@given(st.floats(-1e30, 1e30), st.integers(-3, 3))
def test_threshold_separates_the_same_float32_values(threshold: float, steps: int) -> None:
    chosen = float32_threshold(threshold)
    value = np.float32(threshold)
    for _ in range(abs(steps)):
        value = np.nextafter(value, np.float32(math.copysign(np.inf, steps)), dtype=np.float32)
    assert (float(value) <= threshold) == (float(value) <= chosen)


def test_neighbouring_float32_values_stay_apart() -> None:
    """Two values with no float32 between them: the double threshold in the middle rounds to the upper one."""
    from infra.scoring.scorer import RowScorer
    from infra.scoring.session import Session
    from signaltape.training.graph import score_graph

    lower = np.float32(1.0) - np.float32(2.0**-24)
    upper = np.float32(1.0)
    x = np.repeat(np.array([lower, upper], dtype=np.float32), 500)[:, None]
    y = np.repeat([-1.0, 1.0], 500)
    parameters = {
        "trees": 5,
        "leaves": 2,
        "learning_rate": 0.5,
        "rows_per_leaf": 10,
        "feature_fraction": 1.0,
        "bagging_fraction": 1.0,
        "lambda_l2": 0.0,
    }
    fitted = fit_trees(x, y, parameters, 1)
    served = RowScorer(Session(score_graph(fitted.part, 1, 1.0, Calibration()), 1, "trees")).score_rows(x)
    assert served.score == pytest.approx(fitted.predict(x), abs=1e-6)
    assert np.sign(served.score).tolist() == y.tolist()
