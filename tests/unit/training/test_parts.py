"""The parts of training on literal numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import linear_model, metrics

from infra.scoring.scorer import RowScorer
from infra.scoring.session import Session
from signaltape.training.calibration import Calibration, fit_calibration, thresholds_of
from signaltape.training.dataset import Rows, maturities
from signaltape.training.ensemble import float32_threshold
from signaltape.training.errors import TrainingError
from signaltape.training.evaluation import evaluate, metric_rows
from signaltape.training.fitted import Fitted, log_odds
from signaltape.training.graph import INPUT, PREDICTED, GraphPart, score_graph
from signaltape.training.heads import ClassHead, ReturnHead, fit_class_head
from signaltape.training.lightgbm_family import fit as fit_trees
from signaltape.training.parity import compare
from signaltape.training.splitting import split_by_time
from signaltape.training.task import Task


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
    fitted = fit_trees(Task(x=x, y=y, target="regression", parameters=parameters, seed=1))
    head = ReturnHead(unit=1.0, calibration=Calibration())
    served = RowScorer(Session(score_graph(fitted.part, 1, head), 1, "trees")).score_rows(x)
    assert served.score == pytest.approx(fitted.predict(x), abs=1e-6)
    assert np.sign(served.score).tolist() == y.tolist()


def passing_on() -> GraphPart:
    """A family whose prediction is its one feature."""
    part = GraphPart()
    part.add("Identity", [INPUT], PREDICTED)
    return part


def drawn_classes(sharpness: float, n: int = 40_000) -> tuple[np.ndarray, np.ndarray]:
    """Log odds, and returns that rise with probability sigmoid(sharpness × log odds)."""
    rng = np.random.default_rng(5)
    odds = rng.normal(0.0, 1.0, n)
    return odds, np.where(rng.random(n) < 1.0 / (1.0 + np.exp(-sharpness * odds)), 0.01, -0.01)


def test_sharpness_is_that_of_a_logistic_regression_without_intercept() -> None:
    odds, y = drawn_classes(0.6)
    found = fit_class_head(odds, y, 0.01)
    held = np.clip(odds, -found.ceiling, found.ceiling)[:, None]
    oracle = linear_model.LogisticRegression(C=1e12, fit_intercept=False, tol=1e-10).fit(held, y > 0)
    assert found.sharpness == pytest.approx(oracle.coef_[0, 0], rel=1e-4)
    assert found.sharpness == pytest.approx(0.6, abs=0.03)
    assert (found.rows, found.size) == (40_000, 0.01)


def test_a_classifier_without_skill_says_so() -> None:
    """Wrong more often than right: no direction is turned round, the confidence is a half, the score near 0."""
    odds, y = drawn_classes(-0.5)
    score, confidence = fit_class_head(odds, y, 0.01).scores(odds)
    assert confidence.max() < 0.51
    assert np.abs(score).max() < 0.0003
    assert (np.sign(score) == np.sign(odds)).all()
    with pytest.raises(TrainingError, match="exactly 0"):
        fit_class_head(odds, y * 0.0, 0.01)


def test_score_of_a_classifier_is_the_expected_return() -> None:
    """p_up = 0.75: (0.75 - 0.25) × 0.02; the confidence is the larger probability, also for the other direction."""
    odds = np.log([3.0, 1.0, 1.0 / 3.0])
    score, confidence = ClassHead(size=0.02).scores(odds)
    assert score == pytest.approx([0.01, 0.0, -0.01])
    assert confidence == pytest.approx([0.75, 0.5, 0.75])
    served = RowScorer(Session(score_graph(passing_on(), 1, ClassHead(size=0.02)), 1, "head")).score_rows(
        odds.astype(np.float32)[:, None]
    )
    assert served.score == pytest.approx(score, abs=1e-8)
    assert served.confidence == pytest.approx(confidence, abs=1e-6)


def test_expected_return_where_sizes_do_not_depend_on_the_direction() -> None:
    """E[r] by simulation, returns of 0 among them: the mean of the scores is the mean of the returns."""
    rng = np.random.default_rng(9)
    odds = rng.normal(0.3, 0.8, 400_000)
    sign = np.where(rng.random(len(odds)) < 1.0 / (1.0 + np.exp(-odds)), 1.0, -1.0)
    y = sign * rng.exponential(0.01, len(odds)) * (rng.random(len(odds)) < 0.8)
    score, _ = ClassHead(size=float(np.mean(np.abs(y)))).scores(odds)
    assert score.mean() == pytest.approx(y.mean(), abs=4 * y.std() / np.sqrt(len(y)))


def test_class_metrics_agree_with_scikit_learn() -> None:
    rows, score = sample()
    confidence = 1.0 / (1.0 + np.exp(-np.abs(score)))
    found = evaluate(rows, score, confidence, 1, 7, classes=True)
    rose, called = rows.y > 0, score > 0
    assert found["accuracy"].value == pytest.approx(metrics.accuracy_score(rose, called))
    assert found["precision"].value == pytest.approx(metrics.precision_score(rose, called))
    assert found["recall"].value == pytest.approx(metrics.recall_score(rose, called))
    assert found["f1"].value == pytest.approx(metrics.f1_score(rose, called))
    chance = np.where(called, confidence, 1 - confidence)
    assert found["log_loss"].value == pytest.approx(metrics.log_loss(rose, chance))
    for name in ("accuracy", "precision", "recall", "f1", "log_loss"):
        assert found[name].low < found[name].value < found[name].high
    assert "accuracy" not in evaluate(rows, score, confidence, 1, 7)


def test_log_odds_stay_finite_in_both_forms() -> None:
    chance = np.array([0.0, 0.2, 0.5, 1.0])
    assert log_odds(chance)[1:3] == pytest.approx([math.log(0.25), 0.0])
    part = GraphPart()
    part.log_odds(INPUT, PREDICTED)
    head = ClassHead(size=1.0)
    served = RowScorer(Session(score_graph(part, 1, head), 1, "odds")).score_rows(chance.astype(np.float32)[:, None])
    assert served.score == pytest.approx(head.scores(log_odds(chance))[0], abs=1e-6)


@pytest.mark.parametrize(
    ("factor", "message"), [(1.0, None), (1.01, "differs from the fitted model by 0.03 .* on row 2: native 3.03")]
)
def test_a_graph_that_differs_in_one_row_is_refused(factor: float, message: str | None) -> None:
    x = np.array([[1.0], [2.0], [3.0], [-1.0]], dtype=np.float32)
    head = ReturnHead(unit=1.0, calibration=Calibration())
    changed = np.array([1.0, 1.0, factor, 1.0])
    fitted = Fitted(predict=lambda rows: rows[:, 0].astype(np.float64) * changed, part=passing_on())
    session = Session(score_graph(fitted.part, 1, head), 1, "graph")
    if message is None:
        assert compare(fitted, head, session, x, 1.0).largest == 0.0
    else:
        with pytest.raises(TrainingError, match=message):
            compare(fitted, head, session, x, 1.0)


def test_confidences_that_differ_are_refused() -> None:
    x = np.ones((4, 1), dtype=np.float32)
    even = ReturnHead(unit=1.0, calibration=Calibration())
    sure = ReturnHead(unit=1.0, calibration=Calibration(intercept=1.0))
    fitted = Fitted(predict=lambda rows: rows[:, 0].astype(np.float64), part=passing_on())
    with pytest.raises(TrainingError, match=r"confidences differ by up to 0\.231"):
        compare(fitted, sure, Session(score_graph(fitted.part, 1, even), 1, "graph"), x, 1.0)
