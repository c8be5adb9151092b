"""The demonstration as its users run it: a report that reconciles, and nothing left behind, however it ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pyarrow.parquet as pq
import pytest

from infra.places import cache_folder, data_home
from signaltape.demo.rendering import render
from tests.support.providers import scratch_folder
from tests.support.waiting import wait_for

MINUTES = Path(__file__).resolve().parents[3] / "shared" / "data" / "us_equities_1m_2024_q1q3.parquet"
KEYS = {
    "reconciled", "reconciliation", "bars", "features", "predictions", "signals", "returns", "alerts", "latency_ms",
    "servers", "source", "arrivals", "change",
    "fault",
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
        env={**kept, "SIGNALTAPE_HOME": str(home), "SIGNALTAPE_API__PORT": "0"},  # others run a demonstration too
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
@pytest.mark.long
@pytest.mark.matrix
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
    assert report["fault"] is None
    assert not left_behind(home)


def at(hour: int, minute: int = 0) -> int:
    """A time of the simulated session, ns UTC."""
    return int(datetime(2026, 1, 2, hour, minute, tzinfo=UTC).timestamp()) * 1_000_000_000


def check_change(report: dict[str, Any]) -> None:
    """The second model shadows from 16:00 on, serves from 18:00 on, and gives back at 20:00, on every partition."""
    models = {f"{one['name']}:{one['version']}": one for one in report["models"]}
    assert [models[name]["family"] for name in ("intraday:1", "intraday:2")] == ["linear", "lightgbm"]
    assert all(models[name]["rank_ic"] is not None for name in ("intraday:1", "intraday:2"))
    change = report["change"]
    shadow, found = change["shadow"], change["comparison"]
    assert (shadow["shadow"], shadow["first"], shadow["last"]) == ("intraday:2", at(16), at(17, 59))
    assert shadow["compared_bars"] == shadow["bars"] == 120
    # On a busy machine a call may miss its deadline: its rows have no answer to compare, and are counted.
    answered = report["predictions"]["by_status"]["ok"]
    missed = report["predictions"]["published"] - answered
    assert 0 <= shadow["live_rows"] - shadow["compared"] <= missed
    assert shadow["compared"] > 2_000
    assert (found["challenger"], found["champion"], found["source"]) == ("intraday:2", "intraday:1", "live")
    assert found["reasons"]

    forth, back = change["swaps"]
    assert (forth["action"], forth["model"], forth["effective_from"]) == ("activate", "intraday:2", at(18))
    assert (back["action"], back["model"], back["effective_from"]) == ("rollback", "intraday:1", at(20))
    gates = {gate["name"]: gate["passed"] for gate in forth["gates"]}
    assert set(gates) == {"model_tests", "comparison", "shadow_bars"}
    assert gates["shadow_bars"]
    assert gates["comparison"] == (found["decision"] == "promote")
    assert forth["forced"] == (not all(gates.values()))
    for swap in (forth, back):
        assert swap["received_on"] == [0, 1, 2, 3]
        assert 0.0 <= swap["received_s"] < 30.0
    assert len(change["served"]) == 4
    for spans in change["served"].values():
        assert [one["model"] for one in spans] == ["intraday:1", "intraday:2", "intraday:1"]
        assert [(one["first"], one["last"]) for one in spans][1] == (at(18), at(19, 59))
        assert spans[0]["last"] == at(17, 59)
        assert spans[2]["first"] == at(20)
    assert [one["at"] for one in change["live_at"]] == [at(17), at(19), at(20, 30)]
    assert [one["shadows"] for one in change["live_at"]] == [["intraday:2"], [], ["intraday:2"]]
    for one, model in zip(change["live_at"], ("intraday:1", "intraday:2", "intraday:1"), strict=True):
        assert one["final"]
        assert one["live"] == {model: [0, 1, 2, 3]}


def check_fault(report: dict[str, Any]) -> None:
    """The IC's fall and features that moved are found after the fault, with evidence; the guard steps in dry run."""
    fault = report["fault"]
    assert fault["detected"] is True
    assert fault["sessions"] == {"before": 60, "faulty": 60}
    assert fault["begins"] == int(datetime(2015, 3, 25, 21, tzinfo=UTC).timestamp()) * 1_000_000_000
    assert [one["in_session"] > 0 for one in fault["alerts"]] == [True] * len(fault["alerts"])
    alerts = {one["rule"]: one for one in reversed(fault["alerts"])}
    fell, moved = alerts["ic_fell"], alerts["features_moved"]
    for one in (fell, moved):
        assert (one["policy"], one["evidence"]["model_version"]) == ("calibrated", 2)
        assert one["evidence"]["e_value"] >= one["evidence"]["e_threshold"]
        assert one["in_session"] <= 45
        assert one["suggested_action"]
    # Half of one false alarm a year of 252 sessions is the IC's part; an onset is an estimate.
    assert (fell["severity"], fell["false_alarm_budget"], fell["evidence"]["e_threshold"]) == ("severe", 0.5, 504.0)
    assert abs(fell["onset_error_sessions"]) <= 20
    assert fell["evidence"]["mean_since_onset"] < fell["evidence"]["threshold"] < fell["evidence"]["held_out_ic"]
    assert (moved["severity"], moved["step"]) == ("warning", None)
    assert moved["evidence"]["members"]
    assert fell["sample_size"] >= 20
    step = fell["step"]
    assert (step["state"], step["rung"]) == ("dry_run", "derisk")
    assert step["words"] == "position_scale of daily from 1 to 0.5"
    assert report["alerts"]["stored"] == report["alerts"]["published"] >= len(fault["alerts"])


@pytest.mark.slow
def test_shipped_bars_a_fault_a_change_of_model_then_a_correction_and_a_split(home: Path) -> None:
    process = start(home, "--symbols", "20", "--json")
    out, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors[-2_000:]
    report = json.loads(out)
    check_change(report)
    check_fault(report)
    assert report["reconciled"] is True
    assert render(report).splitlines()[-1].startswith(f"CONSOLE: {report['console']['address']} while it ran")
    assert [part["origin"].split()[0] for part in report["source"]] == ["REAL", "SIMULATED", "SIMULATED"]
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


@pytest.mark.long
@pytest.mark.matrix
def test_what_is_kept_runs_on_with_its_console_until_it_is_stopped(home: Path) -> None:
    process = start(home, "--symbols", "20", "--keep", "--json")
    out, errors = process.communicate(timeout=280)
    try:
        assert process.returncode == 0, errors[-2_000:]
        kept = json.loads(out)["console"]
        assert kept["kept"] is True
        page = httpx.get(kept["address"], follow_redirects=True, timeout=30)
        assert page.status_code == 200
        assert "signaltape" in page.text
        shown = httpx.get(kept["address"] + "/api/signals/tape", params={"limit": 10}, timeout=30).json()
        assert len(shown["rows"]) == 10
        token = Path(kept["token_file"])
        assert token.stat().st_mode & 0o077 == 0
        asked = {"reason": "test", "strategy": "nobody's"}
        pause = kept["address"].removesuffix("/console") + "/pause"
        answers = [
            httpx.post(pause, json=asked, headers={"Authorization": f"Bearer {shown}"}, timeout=30).status_code
            for shown in (token.read_text().strip(), "another-token-than-that")
        ]
        assert answers == [422, 401]  # no such strategy, which only the right token is told
        again = start(home, "--symbols", "20")
        _, refusal = again.communicate(timeout=120)
        assert again.returncode != 0
        assert kept["stop"] in refusal
    finally:
        stopped = subprocess.run(
            [sys.executable, "-m", "signaltape", "down"], check=False, timeout=200, capture_output=True, text=True,
            env={**os.environ, "SIGNALTAPE_HOME": str(home / "demo")},
        )  # fmt: skip
    assert stopped.stdout.startswith("stopped: services, redis, postgres, kafka"), stopped
    wait_for(lambda: not left_behind(home), 30, "every process of the demonstration to end")


@pytest.mark.parametrize(
    "moment",
    ["starting Kafka", *(pytest.param(one, marks=pytest.mark.slow) for one in ("training", "publishing"))],
)
def test_interrupted_at_any_moment_leaves_no_process(home: Path, moment: str) -> None:
    process = start(home, "--symbols", "20")
    assert process.stderr is not None
    for line in process.stderr:
        if moment in line:
            break
    wait_for(lambda: left_behind(home), 30)
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode != 0
    wait_for(lambda: not left_behind(home), 30, "every process of the demonstration to end")


def test_a_file_without_a_stamp_is_refused(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("symbol,ts,open,high,low,close\n")
    process = start(home, "--bars", str(path))
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "--stamp" in errors
