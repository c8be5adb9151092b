"""The benchmark of backtests: what it measures is there, and what it prints is what it measured."""

from pathlib import Path
from typing import Any

import pytest

from infra.errors import OperatorError
from producers.bar_files import write_bars
from producers.simulation.market import MarketConfig, simulate
from signaltape.bench import backtest_baselines, backtest_process
from signaltape.bench.backtest_flow import measure
from signaltape.bench.backtest_models import model
from signaltape.bench.backtest_text import backtest_lines, replay_lines, stored_lines


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("model") / "linear"
    model("linear", made)
    return made


def test_the_flow_sends_a_signal_for_every_symbol_past_its_warm_up(folder: Path) -> None:
    found = measure(folder, symbols=3, seconds=0.0)
    assert found["signals"] == 20 * 3
    assert found["bars_per_cpu_second"] > 0.0
    assert found["bars_per_second"] == pytest.approx(3 / found["section_us"] * 1e6)


def test_a_whole_backtest_counts_what_went_through_it(folder: Path, tmp_path: Path) -> None:
    bars = tmp_path / "bars.parquet"
    write_bars(bars, simulate(MarketConfig(symbols=4, missing=0.0)))
    task = {"model": str(folder), "out": str(tmp_path / "out"), "file": str(bars)}
    found = backtest_process.run(task)
    assert (found["bars"], found["bar_times"]) == (4 * 390, 390)
    assert found["fills"] > 0
    assert found["bars_per_second"] == pytest.approx(found["bars"] / found["seconds"], rel=0.05)
    assert (tmp_path / "out" / "result.json").is_file()
    with pytest.raises(OperatorError, match="not empty"):
        backtest_process.run(task)


def test_peak_memory_is_the_kernels_high_water_mark() -> None:
    assert backtest_process.peak_mb("VmPeak:\t9 kB\nVmHWM:\t    2048 kB\nVmRSS:\t 1024 kB\n") == 2.0
    with pytest.raises(OperatorError, match="VmHWM"):
        backtest_process.peak_mb("VmRSS:\t 1024 kB\n")


def test_absent_baselines_say_how_to_get_them(tmp_path: Path) -> None:
    assert "checkout" in (backtest_baselines.absent(tmp_path) or "")
    (tmp_path / "benchmarks").mkdir()
    assert "make baselines" in (backtest_baselines.absent(tmp_path) or "")
    stamp = tmp_path / ".cache" / "bench" / "signaltape-installed"
    stamp.parent.mkdir(parents=True)
    stamp.touch()
    assert backtest_baselines.absent(tmp_path) is None


def test_a_baseline_is_run_by_its_own_interpreter(tmp_path: Path) -> None:
    python = tmp_path / ".cache" / "bench" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "a line before"\necho \'{"bars": 10, "seconds": 2.0, "cpu_seconds": 1.0}\'\n')
    python.chmod(0o755)
    found = backtest_baselines.run("nautilus_bars", tmp_path / "bars.parquet", tmp_path)
    assert (found["bars_per_second"], found["bars_per_cpu_second"]) == (5, 10)
    python.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    with pytest.raises(OperatorError, match="nautilus_bars failed: broken"):
        backtest_baselines.run("nautilus_bars", tmp_path / "bars.parquet", tmp_path)


def test_every_run_of_a_baseline_has_its_file() -> None:
    for script, _ in backtest_baselines.RUNS.values():
        assert (backtest_baselines.ROOT / "benchmarks" / script).is_file()


RATES: dict[str, Any] = {"bars": 1_000, "bars_per_second": 1_234, "bars_per_cpu_second": 2_345, "peak_mb": 99.0}


def test_the_text_has_every_figure() -> None:
    flow = {"symbols": 50, "section_us": 77.0, **RATES}
    figures: dict[str, Any] = {
        "trees": 200, "symbols": 500, "flow": {"linear": [flow], "trees": [flow]},
        "whole": {"linear": RATES, "trees": RATES}, "baselines": dict.fromkeys(backtest_baselines.RUNS, RATES),
        "baselines_absent": None,
    }  # fmt: skip
    lines = list(backtest_lines(figures))
    assert sum("1,234" in line and "2,345" in line for line in lines) == 2 + 2 + len(backtest_baselines.RUNS)
    lines = list(backtest_lines(figures | {"baselines": {}, "baselines_absent": "no baselines: do this"}))
    assert lines[-1].strip() == "no baselines: do this"


def test_the_text_of_stored_runs_and_replays() -> None:
    rows = [{"bar_times": count, **RATES} for count in (195, 1_950)]
    lines = list(stored_lines({"symbols": 500, "trees": 200, "store": {"linear": rows}, "file": rows}))
    assert [line.split(" bar times")[0].split(", ")[-1] for line in lines[1:]] == ["195", "1,950"] * 2
    replayed = {
        "bars": 5, "live_bars_per_second": 50, "replay_bars_per_second": 45, "ratio": 0.9, "whole_seconds": 7.0,
    }  # fmt: skip
    assert "ratio 0.9" in list(replay_lines(replayed))[1]
