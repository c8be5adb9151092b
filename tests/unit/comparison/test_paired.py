"""Champion against challenger: metrics against scipy, pairing, and what the verdicts say."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pipeline.comparison.bootstrap import Blocks
from pipeline.comparison.paired import Answers, Difference, Paired, Scored, compare
from pipeline.comparison.verdict import NO_CHAMPION, ComparisonRules, judge

TIMES, SYMBOLS = 400, 25


def scored(score: np.ndarray, threshold: float = 1.0) -> Scored:
    direction = np.where(score >= threshold, 1.0, np.where(score <= -threshold, -1.0, 0.0))
    return Scored(score=score, confidence=np.full(len(score), 0.6), direction=direction)


def answers(champion: float, challenger: float, seed: int = 1, shape: tuple[int, int] = (TIMES, SYMBOLS)) -> Answers:
    """Two scores that hold the return with given strengths, and noise of their own."""
    rng = np.random.default_rng(seed)
    n = shape[0] * shape[1]
    y = rng.normal(size=n)
    first, second = rng.normal(size=(2, n))
    return Answers(
        y=y,
        event_time=np.repeat(np.arange(shape[0]) * 60, shape[1]),
        champion=scored(champion * y + first),
        challenger=scored(challenger * y + second),
    )


def test_each_metric_agrees_with_an_independent_computation() -> None:
    given = answers(0.1, 0.3)
    found = compare(given, 5)
    y = given.y
    for name, side in (("champion", given.champion), ("challenger", given.challenger)):
        right = np.sign(side.score) == np.sign(y)
        rows = [slice(at * SYMBOLS, (at + 1) * SYMBOLS) for at in range(TIMES)]
        expected = {
            "ic": stats.pearsonr(side.score, y).statistic,
            "rank_ic": stats.spearmanr(side.score, y).statistic,
            "hit_rate": right.mean(),
            "rmse": np.sqrt(np.mean((side.score - y) ** 2)),
            "brier": np.mean((0.6 - right) ** 2),
            "cross_section_rank_ic": np.mean([stats.spearmanr(side.score[row], y[row]).statistic for row in rows]),
            "edge": np.mean(side.direction * y),
        }
        assert {one.metric: getattr(one, name) for one in found.differences} == pytest.approx(expected, abs=1e-12)
    rank = found.of("rank_ic")
    assert rank is not None
    assert rank.percent == pytest.approx(100 * (rank.challenger / rank.champion - 1))
    assert rank.low is not None
    assert rank.high is not None
    assert rank.low < rank.difference < rank.high
    assert rank.outcome == "improved"
    assert (found.rows, found.blocks, found.undefined) == (10_000, Blocks(times=400, length=15), ())


def test_what_moves_both_alike_cancels() -> None:
    """A challenger that is the champion with a little noise: its interval is far narrower than that of a stranger."""
    given = answers(0.3, 0.3)
    near = replace(given, challenger=scored(given.champion.score + 0.05 * given.challenger.score))
    widths = []
    for one in (near, given):
        found = compare(one, 1).of("rank_ic")
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        widths.append(found.high - found.low)
    assert widths[0] < widths[1] / 4


def test_equal_models_are_no_different() -> None:
    given = answers(0.2, 0.2)
    found = compare(replace(given, challenger=given.champion), 1)
    assert {one.difference for one in found.differences} == {0.0}
    verdict = judge(found, ComparisonRules())
    assert (verdict.decision, verdict.improvements, verdict.regressions) == ("review", 0, 0)


def test_smaller_errors_are_gains() -> None:
    given = answers(0.0, 0.0)
    smaller = replace(given, challenger=scored(given.champion.score * 0.5))
    found = compare(smaller, 1).of("rmse")
    assert found is not None
    assert found.difference < 0 < found.gain
    assert found.outcome == "improved"


def test_a_metric_without_a_value_is_named() -> None:
    given = answers(0.2, 0.2)
    silent = replace(given, challenger=scored(np.zeros(len(given.y))))
    found = compare(silent, 1)
    assert {"ic", "rank_ic", "cross_section_rank_ic"} <= set(found.undefined)
    verdict = judge(found, ComparisonRules())
    assert verdict.decision == "review"
    assert "rank_ic can't be computed" in verdict.reasons[0]


def test_equal_seeds_give_equal_intervals_and_no_rows_are_refused() -> None:
    given = answers(0.1, 0.2)
    assert compare(given, 5) == compare(given, 5)
    assert compare(given, 5, seed=8) != compare(given, 5)
    nothing = Answers(y=given.y[:0], event_time=given.event_time[:0], champion=scored(given.y[:0]),
                      challenger=scored(given.y[:0]))  # fmt: skip
    with pytest.raises(ValueError, match="no rows"):
        compare(nothing, 5)


def test_a_better_one_is_promoted_a_worse_one_rejected() -> None:
    better, worse = judge(compare(answers(0.05, 0.3), 5), RULES), judge(compare(answers(0.3, 0.05), 5), RULES)
    assert (better.decision, worse.decision) == ("promote", "reject")
    assert "rank_ic better" in better.reasons[0]
    assert "rank_ic worse" in worse.reasons[0]
    assert better.certain_improvements > 2
    assert worse.certain_regressions > 2


def test_equally_good_ones_are_rarely_promoted() -> None:
    """One-sided 2.5 % at the most, up to the noise of 100 trials."""
    decisions = [judge(compare(answers(0.1, 0.1, seed, (150, 8)), 1), RULES).decision for seed in range(100)]
    assert decisions.count("promote") <= 6
    assert decisions.count("review") >= 85


RULES = ComparisonRules(minimum_rows=100)
ROOMY = Blocks(times=400, length=10)


def one(metric: str, low: float, high: float, champion: float = 1.0, *, up: bool = True) -> Difference:
    middle = (low + high) / 2
    return Difference(metric=metric, higher_is_better=up, champion=champion, challenger=champion + middle,
                      difference=middle, percent=100 * middle / champion if champion else None,
                      low=low, high=high)  # fmt: skip


BETTER, WORSE, EVEN = one("rank_ic", 0.01, 0.03), one("rank_ic", -0.03, -0.01), one("rank_ic", -0.02, 0.02)


@pytest.mark.parametrize(
    ("differences", "rules", "decision", "said"),
    [
        ((BETTER,), RULES, "promote", "rank_ic better"),
        ((WORSE,), RULES, "reject", "rank_ic worse"),
        ((EVEN,), RULES, "review", "told from chance"),
        # touching zero is not beyond chance, on either side
        ((one("rank_ic", 0.0, 0.02),), RULES, "review", "told from chance"),
        ((one("rank_ic", -0.02, 0.0),), RULES, "review", "told from chance"),
        # a gain, but not as large as was asked for
        ((BETTER,), replace(RULES, minimum_gain=0.02), "review", "a gain of at least 0.02"),
        # better overall, but another metric pays for it
        ((BETTER, one("rmse", 0.02, 0.04, up=False)), RULES, "review", "rmse worse"),
        ((BETTER, one("rmse", 0.02, 0.04, up=False)), replace(RULES, tolerated_percent=5.0), "promote", "better"),
        ((BETTER, one("edge", -0.2, -0.1, champion=0.0)), RULES, "review", "edge worse"),
        # no gain anywhere, and a loss somewhere
        ((EVEN, one("brier", 0.02, 0.04, up=False)), RULES, "reject", "brier worse"),
        ((EVEN, one("brier", 0.02, 0.04, up=False), one("ic", 0.01, 0.02)), RULES, "review", "brier worse"),
        # another metric than usual decides
        ((EVEN, one("edge", 0.1, 0.2)), replace(RULES, primary="edge"), "promote", "edge better"),
    ],
)  # fmt: skip
def test_verdicts(differences: tuple[Difference, ...], rules: ComparisonRules, decision: str, said: str) -> None:
    paired = Paired(rows=5_000, blocks=ROOMY, confidence=0.95, differences=differences, undefined=())
    verdict = judge(paired, rules)
    assert verdict.decision == decision
    assert any(said in reason for reason in verdict.reasons)


def test_too_little_data_is_for_review_whatever_it_shows() -> None:
    paired = Paired(rows=5_000, blocks=Blocks(times=90, length=10), confidence=0.95, differences=(BETTER,),
                    undefined=())  # fmt: skip
    assert "make 9 blocks of 10, needed are 10" in judge(paired, RULES).reasons[0]
    few = replace(paired, rows=99, blocks=ROOMY)
    verdict = judge(few, RULES)
    assert (verdict.decision, verdict.reasons) == ("review", ("99 rows are too few to decide on, needed are 100",))


def test_doubt_about_the_rows_leaves_review() -> None:
    paired = Paired(rows=5_000, blocks=ROOMY, confidence=0.95, differences=(BETTER,), undefined=())
    assert judge(paired, RULES, ["it may have learnt from them"]).decision == "review"
    worse = replace(paired, differences=(WORSE,))
    assert judge(worse, RULES, ["it may have learnt from them"]).decision == "reject"


def test_nothing_live_means_promote_and_says_so() -> None:
    assert NO_CHAMPION.decision == "promote"
    assert "no model is live" in NO_CHAMPION.reasons[0]


@pytest.mark.parametrize("changes", [{"primary": "sharpe"}, {"confidence": 1.0}, {"minimum_gain": -1.0},
                                     {"tolerated_percent": -1.0}, {"minimum_rows": 0}])  # fmt: skip
def test_rules_that_mean_nothing_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        ComparisonRules(**changes)  # type: ignore[arg-type]
