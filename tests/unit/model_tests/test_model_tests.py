"""Each test of a model fails for the model that it is there to catch, and for no other."""

import itertools
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from infra.scoring.errors import ManifestInvalid, UnusableOutput
from infra.scoring.golden import GoldenVectors
from infra.scoring.scorer import Scorer, Scores
from infra.scoring.session import F4Array
from signaltape.model_tests import (
    MODEL_TESTS_FILE,
    Evidence,
    Limits,
    ModelTestReport,
    Verdict,
    check_folder,
    from_json,
    run_model_tests,
)
from signaltape.model_tests.reliability import reliability_bins
from signaltape.model_tests.stopwatch import Stopwatch
from tests.support.linear_models import write_linear_model

ROWS = np.random.default_rng(4).normal(0.0, 0.02, (3_000, 2)).astype(np.float32)
Behaviour = Callable[[F4Array], tuple[np.ndarray, np.ndarray]]


class Spoilt(Scorer):
    """A loaded model whose results are changed on their way out."""

    def __init__(self, scorer: Scorer, spoil: Callable[[Scores, F4Array], Scores]) -> None:
        self.manifest = scorer.manifest
        self._scorer = scorer
        self._spoil = spoil

    def score_rows(self, rows: F4Array, deadline: int | None = None) -> Scores:
        return self._spoil(self._scorer.score_rows(rows, deadline), rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("model")
    write_linear_model(made, sharpness=0.0)
    return made


@pytest.fixture(scope="module")
def scorer(folder: Path) -> Scorer:
    manifest = write_linear_model(folder, sharpness=0.0)
    return Scorer.load(folder / "model.onnx", manifest.sha256, manifest)


@pytest.fixture(scope="module")
def golden(folder: Path, scorer: Scorer) -> GoldenVectors:
    return GoldenVectors.from_json((folder / "golden.json").read_bytes(), "golden")


def ticking(step_ms: float) -> Stopwatch:
    """A clock that moves on by ``step_ms`` at each reading, on a machine that does nothing else."""
    counter = itertools.count()
    return Stopwatch(now=lambda: int(next(counter) * step_ms * 1e6), queued=lambda: 0)


def report_of(scorer: Scorer, golden: GoldenVectors, **given: object) -> ModelTestReport:
    return run_model_tests(scorer, ROWS, golden, **{"stopwatch": ticking(1.0), **given})  # type: ignore[arg-type]


def verdicts(report: ModelTestReport) -> dict[str, Verdict]:
    return {one.name: one.verdict for one in report.tests}


def coin(rows: int = len(ROWS), share: float = 0.5) -> Evidence:
    """Returns whose sign agrees with the linear model's score in ``share`` of the rows, three rows a time."""
    score = -0.5 * ROWS[:rows, 0] - 0.0005 * ROWS[:rows, 1]
    right = np.random.default_rng(8).random(rows) < share
    y = np.where(right, np.sign(score), -np.sign(score)) * 0.01
    return Evidence(y=y.astype(np.float64), event_time=np.arange(rows, dtype=np.int64) // 3)


def test_a_sound_model_passes_everything(scorer: Scorer, golden: GoldenVectors) -> None:
    report = report_of(scorer, golden, evidence=coin())
    assert (report.passed, report.share) == (True, 1.0)
    found = verdicts(report)
    assert found.pop("irrelevant") is Verdict.NOT_APPLICABLE
    assert set(found.values()) == {Verdict.PASSED}
    assert from_json(report.to_json()) == report


def wrong_shape(scores: Scores, rows: F4Array) -> Scores:
    return replace(scores, score=scores.score[:, None])


def too_large(scores: Scores, rows: F4Array) -> Scores:
    return replace(scores, score=scores.score + 2.0)


def not_a_number(scores: Scores, rows: F4Array) -> Scores:
    raise UnusableOutput("3 of 5 rows without a usable result")


def jumpy(scores: Scores, rows: F4Array) -> Scores:
    """The fifth decimal of the first input decides."""
    return replace(scores, score=np.sin(np.nan_to_num(rows[:, 0].astype(np.float64)) * 1e5) * 0.001)


class Wandering:
    """Another result at every call."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, scores: Scores, rows: F4Array) -> Scores:
        self.calls += 1
        return replace(scores, score=scores.score * (1.0 + 1e-12 * self.calls))


@pytest.mark.parametrize(
    ("spoil", "failed"),
    [
        (wrong_shape, {"shape"}),
        (too_large, {"range", "golden"}),
        (jumpy, {"stability", "golden"}),
        (Wandering(), {"consistency", "golden"}),
        (not_a_number, {"shape", "range", "consistency", "golden", "latency", "stability"}),
    ],
)
def test_an_unsound_model_fails_where_it_is_unsound(
    scorer: Scorer, golden: GoldenVectors, spoil: Callable[[Scores, F4Array], Scores], failed: set[str]
) -> None:
    report = report_of(Spoilt(scorer, spoil), golden)
    names = {one.name for one in report.failures}
    assert names >= failed
    assert not report.passed
    if spoil is not wrong_shape:  # a wrong shape makes nonsense of every comparison
        assert names == failed
        assert report.share == pytest.approx(1 - len(failed) / 6)


@pytest.mark.parametrize(
    ("step_ms", "verdict"), [(100.0, Verdict.PASSED), (100.1, Verdict.FAILED), (0.5, Verdict.PASSED)]
)
def test_latency_at_its_limit(scorer: Scorer, golden: GoldenVectors, step_ms: float, verdict: Verdict) -> None:
    report = report_of(scorer, golden, stopwatch=ticking(step_ms), limits=Limits(calls=20))
    (found,) = (one for one in report.tests if one.name == "latency")
    assert found.verdict is verdict
    assert found.figures["mean_ms"] == pytest.approx(step_ms)


def test_waiting_for_a_processor_is_not_the_model_s_time(scorer: Scorer, golden: GoldenVectors) -> None:
    """Each call takes 500 ms, 450 of them in the queue of a busy machine."""
    passed = {"now": 0, "queued": 0}

    def busy(scores: Scores, rows: F4Array) -> Scores:
        passed["now"] += 500_000_000
        passed["queued"] += 450_000_000
        return scores

    watch = Stopwatch(now=lambda: passed["now"], queued=lambda: passed["queued"])
    report = report_of(Spoilt(scorer, busy), golden, stopwatch=watch, limits=Limits(calls=20))
    (found,) = (one for one in report.tests if one.name == "latency")
    assert found.verdict is Verdict.PASSED
    assert (found.figures["p99_ms"], found.figures["wall_p99_ms"]) == pytest.approx((50.0, 500.0))


def test_a_wait_between_two_readings_is_read_again() -> None:
    """Preempted between the two: time and queue of one moment, not the time after the wait with the queue before it."""
    queue = iter([0, 30, 30])
    clock = itertools.count(100, 50)
    assert Stopwatch(now=lambda: next(clock), queued=lambda: next(queue)).read() == (150, 30)


def test_a_call_that_sleeps_is_slow(scorer: Scorer, golden: GoldenVectors) -> None:
    """Real time: what isn't spent waiting for a processor counts."""

    def sleeping(scores: Scores, rows: F4Array) -> Scores:
        if len(rows) == 7:
            threading.Event().wait(0.02)
        return scores

    slow = Spoilt(scorer, sleeping)
    limits = Limits(latency_ms=10.0, cross_section=7)
    (found,) = run_model_tests(slow, ROWS, golden, limits=limits).failures
    assert (found.name, found.figures["calls"]) == ("latency", 10)
    assert found.figures["p99_ms"] >= 20.0


def test_a_slow_percentile_fails_although_the_mean_is_fast(scorer: Scorer, golden: GoldenVectors) -> None:
    now = 0
    reading = itertools.count()

    def clock() -> int:
        nonlocal now
        at = next(reading)
        now += int((300.0 if at % 40 == 39 else 1.0) * 1e6)
        return now

    report = report_of(scorer, golden, stopwatch=Stopwatch(now=clock, queued=lambda: 0))
    (found,) = report.failures
    assert found.name == "latency"
    assert found.figures["mean_ms"] < 100.0 < found.figures["p99_ms"]


@pytest.mark.parametrize(
    ("weights", "verdict"),
    [
        ({"logret_1": -0.5, "volume_z_20": 0.0}, Verdict.PASSED),
        ({"logret_1": -0.5, "volume_z_20": -0.0005}, Verdict.FAILED),
    ],
)
def test_columns_named_irrelevant_must_be(tmp_path: Path, weights: dict[str, float], verdict: Verdict) -> None:
    manifest = write_linear_model(tmp_path, weights=weights, irrelevant=("volume_z_20",))
    report = check_folder(tmp_path, manifest, ROWS)
    assert verdicts(report)["irrelevant"] is verdict
    assert from_json((tmp_path / MODEL_TESTS_FILE).read_bytes()) == report


def test_a_manifest_names_no_irrelevant_column_that_it_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(ManifestInvalid, match="irrelevant: must be of the features"):
        write_linear_model(tmp_path, irrelevant=("rsi_14",))


@pytest.mark.parametrize(
    ("share", "verdict"),
    [(0.5, Verdict.PASSED), (0.53, Verdict.PASSED), (0.65, Verdict.FAILED), (0.3, Verdict.FAILED)],
)
def test_confidence_of_a_half_is_right_half_the_time(
    scorer: Scorer, golden: GoldenVectors, share: float, verdict: Verdict
) -> None:
    assert verdicts(report_of(scorer, golden, evidence=coin(share=share)))["reliability"] is verdict


def test_too_little_evidence_is_neither_passed_nor_failed(scorer: Scorer, golden: GoldenVectors) -> None:
    few = run_model_tests(scorer, ROWS[:199], golden, evidence=coin(199, 0.0), stopwatch=ticking(1.0))
    assert verdicts(few)["reliability"] is Verdict.NOT_APPLICABLE
    at_once = replace(coin(share=0.0), event_time=np.arange(len(ROWS), dtype=np.int64) // 100)
    assert verdicts(report_of(scorer, golden, evidence=at_once))["reliability"] is Verdict.NOT_APPLICABLE
    assert few.share == 1.0


def test_rows_that_move_together_are_one_piece_of_evidence() -> None:
    """Every row a hundred times: the error of the hit rate stays, it doesn't shrink by ten."""
    right = (np.random.default_rng(3).random(400) < 0.6).astype(np.float64)
    confidence, time = np.full(400, 0.6), np.arange(400, dtype=np.int64)
    (once,) = reliability_bins(confidence, right, time, 1)
    (often,) = reliability_bins(*(np.repeat(one, 100) for one in (confidence, right, time)), 1)
    assert once.error == pytest.approx(np.sqrt(once.hit_rate * (1 - once.hit_rate) / 400))
    assert often.error == pytest.approx(once.error)
    assert (once.rows, often.rows) == (400, 40_000)


def test_one_row_and_no_rows(scorer: Scorer, golden: GoldenVectors) -> None:
    one = run_model_tests(scorer, ROWS[:1], golden, stopwatch=ticking(1.0))
    assert one.passed
    assert verdicts(one)["stability"] is Verdict.NOT_APPLICABLE
    with pytest.raises(ValueError, match="no rows"):
        run_model_tests(scorer, ROWS[:0], golden)


def test_invented_rows_say_nothing_about_the_size_of_scores(scorer: Scorer, golden: GoldenVectors) -> None:
    spoilt = Spoilt(scorer, too_large)
    assert verdicts(report_of(spoilt, golden, invented=True))["range"] is Verdict.PASSED


def test_a_report_that_was_changed_is_refused(scorer: Scorer, golden: GoldenVectors) -> None:
    report = report_of(Spoilt(scorer, too_large), golden)
    document = json.loads(report.to_json())
    for change, message in (
        ({"passed": True, "share": 1.0}, "its verdict doesn't follow from its tests"),
        ({"format": 9}, "has format 9"),
        ({"tests": [{"name": "shape"}]}, "not a file of model tests"),
    ):
        with pytest.raises(ManifestInvalid, match=message):
            from_json(json.dumps({**document, **change}))
    with pytest.raises(ManifestInvalid, match=r"here\.json: not a file of model tests"):
        from_json(b"[", "here.json")
