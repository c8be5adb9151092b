"""Grids, folds and files of parameters."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.warehouse.models import TrainingRun
from producers.bar_table import BarTable
from signaltape.training import Course, Search, TrainingError, TrainOptions, train
from signaltape.training.dataset import Rows
from signaltape.training.parameter_files import read_grid, read_parameters
from signaltape.training.run_log import NoRunLog
from signaltape.training.splitting import folds
from tests.support.training_bars import simulated


class Kept(NoRunLog):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.begun: dict[str, tuple[TrainOptions, str]] = {}
        self.finished: dict[str, TrainingRun] = {}
        self.failed: dict[str, str] = {}

    def begin(self, options: TrainOptions, parent: str = "") -> str:
        run_id = super().begin(options, parent)
        self.begun[run_id] = (options, parent)
        return run_id

    def finish(self, name: str, run: TrainingRun) -> None:
        self.finished[run.run_id] = run

    def fail(self, run_id: str, reason: str) -> None:
        self.failed[run_id] = reason


@pytest.fixture(scope="module")
def bars() -> BarTable:
    return simulated(symbols=6, sessions=1)


GRID = Search(grid={"penalty": (0.01, 1e9)})


def test_the_best_of_the_grid_is_trained(bars: BarTable, tmp_path: Path) -> None:
    """A penalty that leaves nothing of the coefficients loses; every candidate is a run of the same parent."""
    log = Kept()
    options = TrainOptions(name="m", horizon=1, parameters={"clip": 4.0})
    search = Search(grid={"penalty": (100.0, 0.01)}, metric="rmse")
    made = train(bars, options, tmp_path / "model", course=Course(search=search, log=log, run_id="parent"))
    assert made.manifest.training["parameters"] == {"penalty": 0.01, "clip": 4.0}
    assert made.run.parameters["parameters"] == {"penalty": 0.01, "clip": 4.0}
    assert (made.run.run_id, {parent for _, parent in log.begun.values()}) == ("parent", {"parent"})
    assert set(log.begun) == set(log.finished)
    values = {one.parameters["penalty"]: one.value for one in made.candidates}
    assert list(values) == [100.0, 0.01]
    assert values[0.01] < values[100.0]  # an error: the smaller is the better one
    for one in made.candidates:
        assert log.finished[one.run_id].metrics["validation"]["rmse"] == one.value
        assert set(log.finished[one.run_id].metrics) == {"validation"}  # the test rows have no part in the choice
    assert made.manifest.training["search"]["metric"] == "rmse"
    kept = {tuple(one["parameters"].items()): one["value"] for one in made.manifest.training["search"]["candidates"]}
    assert kept == {(("penalty", penalty),): value for penalty, value in values.items()}
    assert made.run.metrics["validation"]["rmse"] == values[0.01]


def test_a_candidate_that_learns_nothing_is_passed_over(bars: BarTable, tmp_path: Path) -> None:
    log = Kept()
    options = TrainOptions(name="m", family="lightgbm", horizon=1, parameters={"trees": 5})
    search = Search(grid={"rows_per_leaf": (1e6, 50.0)})
    made = train(bars, options, tmp_path / "model", course=Course(search=search, log=log))
    first, second = made.candidates
    assert first.value is None
    assert "learnt nothing" in first.reason
    assert log.failed == {first.run_id: first.reason}
    assert made.manifest.training["parameters"]["rows_per_leaf"] == second.parameters["rows_per_leaf"] == 50.0
    nothing = replace(search, grid={"rows_per_leaf": (1e6,)})
    with pytest.raises(TrainingError, match="no combination of the grid can be trained; the last one: the model gives"):
        train(bars, options, tmp_path / "none", course=Course(search=nothing))


def test_walk_forward_is_reported_and_chooses(bars: BarTable, tmp_path: Path) -> None:
    options = TrainOptions(name="m", horizon=1, walk_forward=3)
    made = train(bars, options, tmp_path / "model", course=Course(search=GRID))
    found = made.run.metrics
    assert set(found) == {
        *("train", "validation", "test"),
        *("walk_forward_1", "walk_forward_2", "walk_forward_3", "walk_forward"),
    }
    folded = [found[f"walk_forward_{number}"]["rank_ic"] for number in (1, 2, 3)]
    assert found["walk_forward"]["rank_ic"] == pytest.approx(np.mean(folded))
    assert not any(name.endswith("_low") for name in found["walk_forward"])
    best = max(made.candidates, key=lambda one: one.value or -9.0)
    assert best.value == pytest.approx(found["walk_forward"]["rank_ic"])


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"grid": {"leafs": (1.0,)}}, "family linear has no parameter leafs"),
        ({"grid": {"penalty": (1.0,)}, "metric": "sharpe"}, "no metric 'sharpe' to choose by; there are ic"),
        ({"grid": {"penalty": (1.0,)}, "metric": "f1"}, "give no f1"),
        ({"grid": {"penalty": tuple(range(30)), "clip": tuple(range(30))}}, "900 combinations; at most 500"),
    ],
)
def test_refusals_say_what_to_do(bars: BarTable, tmp_path: Path, search: dict[str, object], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        train(
            bars,
            TrainOptions(name="m", horizon=1),
            tmp_path / "model",
            course=Course(search=Search(**search)),  # type: ignore[arg-type]
        )
    assert not (tmp_path / "model").exists()


def rows_at(times: list[int], horizon: int) -> Rows:
    n = len(times)
    event_time = np.array(times, dtype=np.int64)
    return Rows(
        features=("a",),
        x=np.zeros((n, 1), dtype=np.float32),
        y=np.zeros(n),
        event_time=event_time,
        matures=event_time + horizon,
        symbol=np.array(["s"] * n, dtype=object),
    )


def test_folds_of_a_thousand_bars() -> None:
    """Three folds, horizon 5, nothing of 800 or later: five parts of 159 bars, one model after the other."""
    made = folds(rows_at(list(range(1, 1001)), 5), 3, 800, 1_000)
    spans = [
        tuple((int(part.event_time[0]), int(part.event_time[-1])) for part in (one.train, one.validation, one.test))
        for one in made
    ]
    assert spans == [
        ((1, 153), (159, 312), (318, 476)),
        ((1, 312), (318, 471), (477, 635)),
        ((1, 471), (477, 630), (636, 794)),
    ]


@given(count=st.integers(1, 6), horizon=st.integers(1, 20), symbols=st.integers(1, 4), until=st.integers(900, 2_000))
def test_no_fold_knows_what_comes_after_it(count: int, horizon: int, symbols: int, until: int) -> None:
    times = [time for time in range(1, 1_501) for _ in range(symbols)]
    made = folds(rows_at(times, horizon), count, until, 200)
    assert len(made) == count
    tested: set[int] = set()
    for one in made:
        assert one.train.matures.max() < one.validation.event_time.min()
        assert one.validation.matures.max() < one.test.event_time.min()
        assert one.test.matures.max() < until
        times_of = set(one.test.event_time.tolist())
        assert not tested & times_of  # no time is judged twice
        tested |= times_of


def test_too_few_rows_for_the_folds() -> None:
    with pytest.raises(TrainingError, match="595 rows before the test span are too few for 10 folds: 600 are needed"):
        folds(rows_at(list(range(1, 1001)), 5), 10, 601, 1_000)


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_files_of_parameters(tmp_path: Path) -> None:
    toml = written(tmp_path, "p.toml", "trees = 20\nlearning_rate = 0.1  # quick\n")
    assert read_parameters(toml) == {"trees": 20.0, "learning_rate": 0.1}
    assert read_parameters(written(tmp_path, "p.json", json.dumps({"trees": 20}))) == {"trees": 20.0}
    grid = written(tmp_path, "g.toml", "trees = [20, 50]\nlearning_rate = 0.1\n")
    assert read_grid(grid) == {"trees": (20.0, 50.0), "learning_rate": (0.1,)}
    assert Search(grid=read_grid(grid)).combinations() == [
        {"trees": 20.0, "learning_rate": 0.1},
        {"trees": 50.0, "learning_rate": 0.1},
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.toml", "trees = ", "a.toml: can't be read as TOML"),
        ("a.json", "[1", "a.json: can't be read as JSON"),
        ("a.json", "[1]", "names no parameter"),
        ("a.toml", "", "names no parameter"),
        ("a.toml", "trees = true", "trees is True; a parameter is a number"),
        ("a.toml", "trees = []", "trees needs at least one value"),
        ("a.toml", "trees = [1, 1.0]", "each of them once"),
    ],
)
def test_files_that_are_no_grid(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        read_grid(written(tmp_path, name, text))
    with pytest.raises(TrainingError, match="can't be read"):
        read_parameters(tmp_path / "missing.toml")
