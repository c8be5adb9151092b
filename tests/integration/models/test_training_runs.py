"""Every training run is a row: while it runs, when it fails, when it makes a version; `signaltape runs …` shows it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infra.settings import Settings
from infra.warehouse import connect, migrate
from producers.bar_files import write_bars
from signaltape.training import TrainingError, TrainOptions
from signaltape.training.run_log import WarehouseRunLog, recorded
from tests.support.commands import Run, runner
from tests.support.isolation import process_environment
from tests.support.training_bars import simulated
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    migrate(settings)
    return runner(settings, monkeypatch, capsys)


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bars") / "bars.parquet"
    write_bars(path, simulated(symbols=6, sessions=1))
    return path


def test_runs_from_a_grid_to_the_best(run: Run, settings: Settings, bars: Path, tmp_path: Path) -> None:
    grid = tmp_path / "grid.toml"
    grid.write_text("penalty = [0.01, 100]\nclip = [3, 5]\n")
    common = ("train", bars, "--interval", "1m", "--stamp", "close", "--horizon", 1, "--name")
    made = run(*common, "sim", "--grid", grid, "--choose-by", "rmse", "--json")
    assert made.code == 0, made.err
    document = json.loads(made.out)
    assert len(document["candidates"]) == 4
    assert "candidate 4 of 4: penalty=100, clip=5: rmse" in made.err
    params = tmp_path / "params.json"
    params.write_text('{"penalty": 100}')
    assert run(*common, "sim", "--params", params).code == 0
    failed = run(*common, "other", "--model", "lightgbm", "--parameter", "rows_per_leaf=1e6")
    assert (failed.code, "learnt nothing" in failed.err) == (1, True)
    both = run(*common, "sim", "--params", params, "--grid", grid)
    assert (both.code, "give one of them" in both.err) == (2, True)

    listed = json.loads(run("runs", "list", "--json").out)
    assert [(one["name"], one["version"], one["status"], bool(one["parent"])) for one in listed] == [
        ("sim", 1, "finished", False),
        *[("sim", None, "finished", True)] * 4,
        ("sim", 2, "finished", False),
        ("other", None, "failed", False),
    ]
    assert {one["parent"] for one in listed[1:5]} == {document["run_id"]}
    assert "learnt nothing" in listed[-1]["reason"]
    assert "learnt nothing" in run("runs", "list", "--status", "failed").out
    assert run("models", "list").out.count("\n") == 2  # the failed run registered nothing

    best = json.loads(run("runs", "best", "--metric", "rmse", "--json").out)
    assert best["version"] == 1
    assert best["metrics"]["test"]["rmse"] == document["metrics"]["test"]["rmse"]
    ranked = json.loads(run("runs", "compare", "--data", "validation", "--metric", "rmse", "--top", 3, "--json").out)
    values = [one["metrics"]["validation"]["rmse"] for one in ranked]
    assert (len(values), values) == (3, sorted(values))
    text = run("runs", "compare", "--name", "sim")
    assert [line.split()[1:2] for line in text.out.splitlines()] == [["rank_ic"]] * 2
    assert "95 % [" in text.out
    assert text.out.splitlines()[0].split()[2] in run("runs", "best").out
    nothing = run("runs", "best", "--name", "nobody")
    assert (nothing.code, "no finished run of nobody has rank_ic on test" in nothing.err) == (1, True)
    assert run("runs", "compare", "--metric", "sharpe").code == 2

    out = tmp_path / "mlruns"
    assert "7 runs written" in run("runs", "export", out).out
    (kept,) = out.glob(f"*/{document['run_id']}")
    assert (kept / "params" / "parameters.penalty").read_text() == "0.01"
    _, value, step = (kept / "metrics" / "test.rank_ic").read_text().split()
    assert (float(value), step) == (document["metrics"]["test"]["rank_ic"], "0")
    again = run("runs", "export", out)
    assert (again.code, "is not empty" in again.err) == (1, True)


def test_a_run_is_there_while_it_runs_and_keeps_why_it_failed(settings: Settings) -> None:
    migrate(settings)
    log, options = WarehouseRunLog(settings), TrainOptions(name="sim")

    def failing(error: BaseException) -> None:
        with recorded(log, options) as run_id:
            running = log.runs()[-1]
            assert (running.run_id, running.status, running.finished_at) == (run_id, "running", None)
            assert running.parameters["family"] == "linear"
            raise error

    with pytest.raises(TrainingError, match="no luck"):
        failing(TrainingError("no luck"))
    with pytest.raises(KeyboardInterrupt):
        failing(KeyboardInterrupt())
    assert [(one.status, one.reason) for one in log.runs()] == [
        ("failed", "no luck"),
        ("failed", "KeyboardInterrupt"),
    ]
    log.fail(log.runs()[0].run_id, "another reason")
    assert log.runs()[0].reason == "no luck"  # what has ended stays as it is


def test_a_killed_run_is_lost_not_running(settings: Settings, bars: Path, tmp_path: Path) -> None:
    """SIGKILL in the middle of a search: no version, and nobody takes it for running."""
    migrate(settings)
    grid = tmp_path / "grid.toml"
    grid.write_text(f"penalty = {[0.01 * number for number in range(1, 400)]}\n")
    arguments = ("train", bars, "--interval", "1m", "--stamp", "close", "--name", "sim", "--grid", grid)
    environment = process_environment(settings)
    command = [sys.executable, "-m", "signaltape", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    log = WarehouseRunLog(settings)
    try:
        wait_for(lambda: len(log.runs()) >= 3, 90, "three runs")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    parent, *candidates = log.runs()
    assert (parent.status, parent.version) == ("lost", None)
    assert {one.status for one in candidates} <= {"finished", "lost"}
    with connect(settings) as connection:
        assert connection.execute("SELECT count(*) FROM models").fetchone() == (0,)
