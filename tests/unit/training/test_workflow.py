"""Training as a whole: what a model is made of, that it never sees what judges it, that its bytes are repeatable."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from infra.scoring.manifest import from_json
from infra.scoring.scorer import Scorer
from pipeline.drift.population_stability import count_into
from pipeline.features import FEATURE_SETS
from pipeline.offline import compute
from producers.bar_table import BarTable
from signaltape.model_tests import from_json as model_tests_from_json
from signaltape.training import Trained, TrainingError, TrainOptions, train
from signaltape.training.options import TARGETS
from signaltape.validation import ValidationError
from tests.support.training_bars import simulated, trained

FAMILIES = ("linear", "lightgbm", "forest", "mlp")
#: Both targets and every family at full length; the other four pairs are trained on less below.
PAIRS = (
    ("linear", "regression"),
    ("lightgbm", "regression"),
    ("forest", "classification"),
    ("mlp", "classification"),
)
#: Enough to learn what is planted.
FEWER = {"forest": {"trees": 25.0}, "lightgbm": {"trees": 60.0}}
NATIVE = {"linear": "native.json", "lightgbm": "native.txt", "forest": "native.joblib", "mlp": "native.joblib"}
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def bars() -> BarTable:
    return simulated()


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def model(request: pytest.FixtureRequest, bars: BarTable, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    family, target = request.param
    folder = tmp_path_factory.mktemp("trained") / "model"
    return trained(folder, family, bars, target=target, parameters=FEWER.get(family, {}))


def again(made: Trained, bars: BarTable, folder: Path) -> Trained:
    """The same model of other bars."""
    family, target = made.manifest.family, made.manifest.training["target"]
    return trained(folder, family, bars, target=target, parameters=FEWER.get(family, {}))


def loaded(made: Trained) -> Scorer:
    return Scorer.load(made.folder / made.manifest.onnx_file, made.manifest.sha256, made.manifest)


@pytest.fixture(scope="module")
def scorer(model: Trained) -> Scorer:
    return loaded(model)


@pytest.fixture(scope="module")
def matrix(bars: BarTable) -> tuple[np.ndarray, np.ndarray]:
    table = compute(bars.take(bars.event_time <= np.unique(bars.event_time)[70]), "1m")
    return table.values[:900], table.valid[:900]


def metric(made: Trained, name: str, dataset: str = "test") -> float:
    return next(one.value for one in made.metrics if (one.dataset, one.metric) == (dataset, name))


@settings(max_examples=40, deadline=None)
@given(sizes=st.lists(st.sampled_from([1, 1, 2, 7, 255, 256, 257]) | st.integers(0, 300), max_size=12))
@example(sizes=[1, 1, 256, 1])
def test_batches_do_not_matter(scorer: Scorer, matrix: tuple[np.ndarray, np.ndarray], sizes: list[int]) -> None:
    values, valid = matrix
    whole = scorer.score(values, valid)
    edges = np.minimum([0, *np.cumsum(sizes, dtype=np.int64), len(values)], len(values)).tolist()
    parts = [scorer.score(values[a:b], valid[a:b]) for a, b in pairwise(edges)]
    assert np.concatenate([one.score for one in parts]).tobytes() == whole.score.tobytes()
    assert np.concatenate([one.confidence for one in parts]).tobytes() == whole.confidence.tobytes()


def test_planted_predictability_is_found_on_held_out_rows(model: Trained) -> None:
    """A reversal of strength 0.3 per bar is there to be learnt; the interval says so, too."""
    assert 0.15 < metric(model, "rank_ic_low") < metric(model, "rank_ic") < metric(model, "rank_ic_high") < 0.4
    assert metric(model, "cross_section_rank_ic") > 0.1
    assert metric(model, "hit_rate_low") > 0.52
    if model.manifest.training["target"] == "classification":
        assert metric(model, "accuracy") == metric(model, "hit_rate")
        assert metric(model, "precision_low") > 0.5
        assert metric(model, "log_loss_high") < np.log(2)
    assert metric(model, "rmse") < metric(model, "rmse_of_zero")
    assert metric(model, "brier") < 0.25


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_is_found_where_nothing_is(family: str, tmp_path: Path) -> None:
    """A 95 % interval leaves 0 out for one seed in twenty: this is one of the nineteen."""
    made = trained(tmp_path / "model", family, simulated(ic=0.0, seed=5), parameters=FEWER.get(family, {}))
    assert metric(made, "rank_ic_low") < 0.0 < metric(made, "rank_ic_high")


def test_model_folder_is_complete_and_loads(model: Trained, scorer: Scorer) -> None:
    native = NATIVE[model.manifest.family]
    assert {path.name for path in model.folder.iterdir()} == {
        *("model.onnx", "golden.json", "manifest.json", "model_tests.json", native),
        *("validation.json", "validation.html", "importance.json", "importance.svg", "card.html"),
    }
    assert from_json((model.folder / "manifest.json").read_text()) == model.manifest
    comparable = tuple(one.name for one in FEATURE_SETS["core"].features if one.comparable)
    assert scorer.manifest.features == comparable
    assert scorer.manifest.intervals == ("1m",)


def test_model_tests_were_made_on_the_test_rows(model: Trained) -> None:
    kept = model_tests_from_json((model.folder / "model_tests.json").read_bytes())
    assert kept == model.tests
    assert kept.rows == model.manifest.training["rows"]["test"]
    assert kept.sha256 == model.manifest.sha256
    assert kept.passed, list(kept.lines())
    (reliability,) = (one for one in kept.tests if one.name == "reliability")
    assert reliability.value is not None


def test_importance_and_card_are_kept(model: Trained) -> None:
    """Only the last bars predict the next return of this market: moving averages and ranges of 20 bars hardly do."""
    document = json.loads((model.folder / "importance.json").read_bytes())
    kinds = {"name", "permutation", "permutation_deviation"}
    trees = model.manifest.family in ("lightgbm", "forest")
    assert set(document["features"][0]) == kinds | ({"split", "gain"} if trees else set())
    assert {one["name"] for one in document["features"]} == set(model.manifest.features)
    assert document["features"][0]["permutation"] > 0.01
    if trees:
        unused = {one["name"] for one in document["features"] if one["split"] == 0}
        assert set(model.manifest.irrelevant) == unused
    card = (model.folder / "card.html").read_text()
    assert (model.folder / "importance.svg").read_text().strip() in card
    assert model.run.run_id in card


def test_onnx_agrees_with_the_fitted_model(model: Trained) -> None:
    parity, rows = model.manifest.training["onnx_against_native"], model.manifest.training["rows"]
    assert parity["rows"] == sum(rows.values())  # those it was fitted to and those of the embargo, too
    assert 0.0 < parity["largest"] < parity["tolerance"]
    assert 0.0 < parity["largest_confidence"] < 1e-4


def test_thresholds_and_psi_reference_come_from_training_scores(model: Trained, scorer: Scorer, bars: BarTable) -> None:
    """Scored again from the bars: 10 bins of equal counts, long at the 80 % and short at the 20 % quantile."""
    table = compute(bars, "1m", horizons=(1,))
    scores = scorer.score(table.values, table.valid).score
    rows = model.manifest.training["rows"]["train"]
    train_scores = scores[np.isfinite(table.returns[1])][:rows]
    reference, terms = model.manifest.psi_reference, model.manifest.thresholds
    assert reference is not None
    assert len(reference.counts) == 10
    assert sum(reference.counts) == rows
    # Rows of one time are ordered by name in training and by input here: the last time's may differ.
    assert count_into(np.array(reference.edges), train_scores) == pytest.approx(np.array(reference.counts), abs=25)
    assert np.quantile(train_scores, [0.2, 0.8]) == pytest.approx([terms.short, terms.long], rel=0.01)


def changed_from(table: BarTable, time: int) -> BarTable:
    """The same bars up to ``time``, from there on of another market (same symbols and times)."""
    other = np.random.default_rng(99).normal(1.0, 0.01, len(table))
    factor = np.where(table.event_time >= time, np.clip(other, 0.9, 1.1), 1.0)
    prices = {name: getattr(table, name) * factor for name in ("open", "high", "low", "close")}
    return replace(table, **prices)


def test_test_rows_have_no_part_in_the_model(model: Trained, bars: BarTable, tmp_path: Path) -> None:
    time = model.manifest.training["first_test_time"]
    other = again(model, changed_from(bars, time), tmp_path / "model")
    assert other.manifest.sha256 == model.manifest.sha256
    assert other.manifest.thresholds == model.manifest.thresholds
    assert metric(other, "rank_ic", "validation") == metric(model, "rank_ic", "validation")
    assert metric(other, "rank_ic") != metric(model, "rank_ic")


def test_validation_rows_have_no_part_in_the_fit(model: Trained, bars: BarTable, tmp_path: Path) -> None:
    time = model.manifest.training["first_validation_time"]
    other = again(model, changed_from(bars, time), tmp_path / "model")
    native = NATIVE[model.manifest.family]
    assert (other.folder / native).read_bytes() == (model.folder / native).read_bytes()
    assert other.manifest.sha256 != model.manifest.sha256  # the calibration inside the graph is fitted on them


def test_order_of_bars_does_not_matter(model: Trained, bars: BarTable, tmp_path: Path) -> None:
    shuffled = bars.take(np.random.default_rng(5).permutation(len(bars)))
    assert again(model, shuffled, tmp_path / "model").manifest.sha256 == model.manifest.sha256


@pytest.mark.slow
def test_two_processes_make_the_same_bytes(tmp_path: Path) -> None:
    """Every family with both targets: other hash seeds and numbers of threads change nothing."""
    running = []
    for number in ("1", "2"):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": number,
            "OMP_NUM_THREADS": number,
            "OPENBLAS_NUM_THREADS": number,
        }
        command = [sys.executable, "-m", "tests.support.training_bars", str(tmp_path / number)]
        running.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True))
    first, second = (json.loads(one.communicate(timeout=240)[0]) for one in running)
    assert first == second
    assert set(first) == {f"{family} {target}" for family in FAMILIES for target in TARGETS}
    assert len(set(first.values())) == 8


def test_rows_whose_label_is_not_mature_are_left_out(tmp_path: Path) -> None:
    """25 symbols, horizon 7: the last 7 vectors of each have no label."""
    made = trained(tmp_path / "model", "linear", horizon=7)
    assert made.manifest.training["unmatured_vectors_left_out"] == 25 * 7


def test_bars_without_volume_leave_out_their_columns(bars: BarTable, tmp_path: Path) -> None:
    quiet = replace(bars, volume=np.zeros(len(bars)), volume_valid=np.zeros(len(bars), dtype=bool))
    made = trained(tmp_path / "model", "linear", quiet)
    assert set(made.manifest.training["features_left_out"]) >= {"volume_z_20", "vwap_gap_20", "obv_slope_20"}
    assert "volume_z_20" not in made.manifest.features
    assert loaded(made).manifest.name == "sim-linear"


def test_some_missing_values_are_part_of_the_model(bars: BarTable, tmp_path: Path) -> None:
    """A third of the symbols has no volume: the graph imputes, golden vectors hold such rows."""
    has = np.isin(bars.symbol, np.unique(bars.symbol)[::3], invert=True)
    for family in FAMILIES:
        made = trained(
            tmp_path / family,
            family,
            replace(bars, volume_valid=has, volume=bars.volume * has),
            parameters=FEWER.get(family, {}),
        )
        assert "volume_z_20" in made.manifest.features
        assert "null" in (made.folder / "golden.json").read_text()
        parity = made.manifest.training["onnx_against_native"]
        assert parity["largest"] < parity["tolerance"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "Big Name"}, "name 'Big Name': lower-case"),
        ({"family": "prophet"}, "no model family 'prophet'; there are linear, lightgbm, forest, mlp"),
        ({"target": "ranking"}, "target 'ranking' is not one of regression, classification"),
        ({"parameters": {"leafs": 3}}, r"no parameter leafs; it has penalty \(0.01\)"),
        ({"feature_set": "none"}, "no feature set 'none'; there are core"),
        ({"features": ("logret_1", "nope")}, "has no column nope"),
        ({"horizon": 0}, "horizon is 0; it must be 1 to 63 bars"),
        ({"intervals": ("7m",)}, "interval 7m is not known"),
        ({"fallback": "guess"}, "fallback 'guess' is not one of last"),
        ({"min_confidence": float("nan")}, "min_confidence is nan"),
        ({"long_quantile": 0.1}, "0 < short < long < 1"),
        ({"test": 0.9}, "leave too little"),
        ({"minimum_rows": 1_000_000}, r"fails 1 critical check: rows: .* rows, needed are 1,000,000"),
        ({"horizon": 64}, "horizon is 64; it must be 1 to 63 bars"),
    ],
)
def test_refusals_say_what_to_do(options: dict[str, object], message: str, bars: BarTable, tmp_path: Path) -> None:
    few = bars.take(np.isin(bars.symbol, np.unique(bars.symbol)[:3]))
    with pytest.raises((TrainingError, ValidationError), match=message):
        trained(tmp_path / "model", **{"family": "linear", "table": few, **options})  # type: ignore[arg-type]
    assert not (tmp_path / "model").exists()


def test_flat_prices_are_refused(bars: BarTable, tmp_path: Path) -> None:
    ones = np.ones(len(bars))
    flat = replace(bars, open=ones, high=ones, low=ones, close=ones)
    with pytest.raises(ValidationError, match="varies of label: every row has the value 0"):
        trained(tmp_path / "model", "linear", flat)


def test_model_that_learnt_nothing_is_refused(bars: BarTable, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="learnt nothing"):
        trained(tmp_path / "model", "lightgbm", bars, parameters={"rows_per_leaf": 1e6})


def test_folder_that_holds_something_is_refused(bars: BarTable, tmp_path: Path) -> None:
    (tmp_path / "old.onnx").write_text("old")
    with pytest.raises(TrainingError, match=r"is not empty .old\.onnx."):
        train(bars, TrainOptions(name="m"), tmp_path)


def test_earlier_model_in_the_folder_is_replaced_whole(bars: BarTable, tmp_path: Path) -> None:
    few = bars.take(np.isin(bars.symbol, np.unique(bars.symbol)[:4]))
    trained(tmp_path, "lightgbm", few)
    made = trained(tmp_path, "linear", few)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("model.onnx", "golden.json", "manifest.json", "model_tests.json", "native.json"),
        *("validation.json", "validation.html", "importance.json", "importance.svg", "card.html"),
    }
    assert loaded(made).manifest.family == "linear"
