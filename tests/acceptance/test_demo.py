"""The demonstration as its users run it: a report that reconciles, and nothing left behind, however it ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from infra.places import cache_folder, data_home
from tests.support.providers import scratch_folder
from tests.support.waiting import wait_for

MINUTES = Path(__file__).resolve().parents[3] / "shared" / "data" / "us_equities_1m_2024_q1q3.parquet"
KEYS = {
    "reconciled", "reconciliation", "bars", "features", "predictions", "signals", "returns", "alerts", "latency_ms",
    "servers", "source", "arrivals",
}  # fmt: skip


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of its own that shares the servers' installations with every other one."""
    folder = scratch_folder()
    cache_folder(data_home()).mkdir(parents=True, exist_ok=True)
    (folder / "cache").symlink_to(cache_folder(data_home()))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SIGNALTAPE_")}
    return subprocess.Popen(
        # A shell starts what it runs in the background with SIGINT ignored, and that is inherited.
        ["env", "--default-signal=INT", sys.executable, "-m", "signaltape", "demo", *arguments],
        env={**kept, "SIGNALTAPE_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def left_behind(home: Path) -> list[str]:
    """Command lines of processes that belong to this demonstration."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(home) in line or (process.info["environ"] or {}).get("SIGNALTAPE_HOME", "").startswith(str(home)):
            found.append(line)
    return found


@pytest.mark.skipif(not MINUTES.is_file(), reason=f"{MINUTES.name} may not be shipped and isn't here")
def test_somebodys_minute_bars_go_through(home: Path, tmp_path: Path) -> None:
    table = pq.read_table(MINUTES)
    path = tmp_path / "minutes.parquet"
    ordered = table.sort_by("ts")
    pq.write_table(ordered.slice(0, 4_000), path)
    process = start(home, "--bars", str(path), "--interval", "1m", "--stamp", "close", "--json")
    out, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors[-2_000:]
    report = json.loads(out)
    assert set(report) >= KEYS
    assert report["reconciled"] is True
    assert {"stage", "in", "out", "duplicates", "dead_lettered"} <= set(report["reconciliation"][0])
    assert report["bars"]["published"] == report["bars"]["stored"] > 1_000
    assert report["servers"]["timescaledb"]
    assert not report["restarts"]
    assert not report["dead_letters"]
    assert not left_behind(home)


def test_shipped_bars_then_a_correction_and_a_split(home: Path) -> None:
    process = start(home, "--symbols", "20", "--json")
    out, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors[-2_000:]
    report = json.loads(out)
    assert report["reconciled"] is True
    assert [part["origin"].split()[0] for part in report["source"]] == ["REAL", "SIMULATED"]
    assert report["bars"]["published"] == report["bars"]["stored"]
    revision, split = report["arrivals"]["revision"], report["arrivals"]["split"]
    assert revision["status"] == "done"
    assert revision["feature_rows"] == 6  # the revised bar and the five after it
    assert revision["return_rows"] >= 2
    assert revision["as_of_before"] != revision["as_of_after"]
    assert revision["predictions_added"] == 0
    assert split["log_ratio_of_prices"] < -0.6
    assert abs(split["logret_1"]) < 1e-12
    assert not report["restarts"]
    assert not left_behind(home)


@pytest.mark.parametrize("moment", ["starting Kafka", "training", "publishing"])
def test_interrupted_at_any_moment_leaves_no_process(home: Path, moment: str) -> None:
    process = start(home, "--symbols", "20")
    assert process.stderr is not None
    for line in process.stderr:
        if moment in line:
            break
    wait_for(lambda: left_behind(home), 30)
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    wait_for(lambda: not left_behind(home), 30, "every process of the demonstration to end")


def test_a_file_without_a_stamp_is_refused(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("symbol,ts,open,high,low,close\n")
    process = start(home, "--bars", str(path))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "--stamp" in errors
