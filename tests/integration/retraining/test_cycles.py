"""Retraining on a real registry and warehouse: what fires, what comes of it, failures, deaths, promotion."""

import json
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from psycopg.types.json import Jsonb

from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse import connect
from infra.warehouse.active_lock import ActiveLock
from infra.warehouse.moments import to_moment
from infra.warehouse.retraining import database_clock
from producers.bar_files import write_bars
from schemas.intervals import DAY, MINUTE
from signaltape.client import Control
from signaltape.initialisation import initialise
from signaltape.promotion.history import read_decisions
from signaltape.retraining import run_cycles
from tests.support import isolation
from tests.support.commands import Run, runner
from tests.support.explained_run import decide
from tests.support.killed import exit_code_at
from tests.support.services import running
from tests.support.training_bars import simulated

pytestmark = pytest.mark.slow

MODULES = [__name__, "signaltape.retraining.chain"]


@pytest.fixture(scope="module")
def settings(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """An installation with a history of minute bars in which the set `minimal` knows the next return."""
    name, folder = isolation.unique_name(), tmp_path_factory.mktemp("retraining")
    dsn = isolation.create_database(endpoints, name)
    made = isolation.isolated_settings(
        endpoints, folder / "home", dsn, f"{name}.", engine={"feature_sets": ("minimal",)}
    )
    initialise(made)
    yield made
    isolation.drop_database(endpoints, name)


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(settings, monkeypatch, capsys)


def live(settings: Settings, strategy: str = "alpha") -> str:
    return str(read_decisions(settings).of(strategy).live)


def cycles(run: Run, *options: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("retrain", "list", *options, "--json").out)
    return found


def measured(settings: Settings, values: dict[str, float]) -> None:
    """Feature PSIs of the last closed session, as the drift agent stores them."""
    with connect(settings) as connection:
        today = database_clock(connection) // DAY * DAY
        for name, value in values.items():
            connection.execute(
                "INSERT INTO drift_metrics"
                " VALUES ('calibrated', 'alpha', %s, 'feature_psi', %s, 'shifted', %s, 500, %s)",
                (f"feature/sim:1/minimal:1/1m/{name}", to_moment(today), value, Jsonb({})),
            )


def alerted(settings: Settings, name: str, severity: str) -> None:
    with connect(settings) as connection:
        connection.execute(
            "INSERT INTO alerts (alert_id, event_time, policy, rule, severity, strategy, subject, body)"
            " VALUES (%s, now(), 'calibrated', 'ic_fell', %s, 'alpha', 'score/sim:1/1m/1/live', %s)",
            (name, severity, Jsonb({"session": 1, "message": "x", "evidence": {}})),
        )


def test_nothing_is_live(run: Run) -> None:
    document = json.loads(run("retrain", "--json").out)
    assert [(one["status"], one["reason"]) for one in document] == [("quiet", "no strategy has a live model")]
    refused = run("retrain", "--strategy", "alpha")
    assert (refused.code, "'alpha' has no live model" in refused.err) == (1, True)
    assert run("retrain", "--force").code == 2
    assert run("retrain", "--reason", "x").code == 2
    assert run("retrain", "show", "nobody").code == 2


def test_each_cycle_leaves_a_record(run: Run, settings: Settings, tmp_path: Path) -> None:
    """Quiet with too little data, quiet with two drifted features, a new model with three, held after that."""
    write_bars(tmp_path / "history.parquet", simulated(ic=0.8, symbols=12, sessions=2))
    loaded = run(
        "backfill", tmp_path / "history.parquet", "--interval", "1m", "--stamp", "close", "--available-lag", "1s"
    )
    assert loaded.code == 0, loaded.err
    with connect(settings) as connection:
        connection.execute("ANALYZE features, returns, bars")  # the statistics that autovacuum makes within a minute
        first, last = connection.execute("SELECT min(event_time), max(event_time) FROM bars").fetchone() or ()
    span = ("--from", (first - timedelta(minutes=1)).isoformat(), "--to", last.isoformat())
    built = run("dataset", "build", "--out", tmp_path / "set", *span, "--as-of", datetime.now(UTC).isoformat(),
                "--interval", "1m", "--horizon", 1, "--features", "minimal", "--cut")  # fmt: skip
    assert built.code == 0, built.err
    assert run("pipeline", "run", "--name", "sim", "--dataset", tmp_path / "set").code == 0
    Control(settings).issue("activate", strategy="alpha", model="sim", model_version=1, reason="test")

    (quiet,) = json.loads(run("retrain", "--json").out)
    assert (quiet["status"], quiet["champion"], quiet["challenger"]) == ("quiet", "sim:1", "")
    assert "too little data for drifted_features, degradation" in quiet["reason"]
    measured(settings, {"logret_1": 0.5, "volume_z_20": 0.3, "other": 0.1})
    alerted(settings, "mild", "warning")
    (quiet,) = json.loads(run("retrain", "--json").out)
    assert (quiet["status"], quiet["triggers"][0]["verdict"]) == ("quiet", "quiet")

    measured(settings, {"third": 0.26})
    before = len(cycles(run))
    look = run("retrain", "--dry-run")
    assert "would be run: drifted_features: 3 of 4 features" in look.out
    assert len(cycles(run)) == before
    done = run("retrain")
    assert done.code == 0, done.err
    made = cycles(run)[0]
    assert (made["status"], made["challenger"], made["stage"]) == ("proposed", "sim:2", "decide")
    assert made["reason"].startswith("drifted_features: 3 of 4 features with PSI above 0.2")
    assert made["detail"]["comparison"]["champion"] == "sim:1"
    assert "signaltape models promote sim:2 --strategy alpha" in made["outcome"]
    shown = run("retrain", "show", made["cycle_id"])
    assert "fired      drifted_features" in shown.out
    assert live(settings) == "sim:1"

    alerted(settings, "bad", "severe")
    (held,) = json.loads(run("retrain", "--json").out)
    assert (held["status"], "the next is due after 5" in held["reason"]) == ("held", True)
    assert [one["verdict"] for one in held["triggers"]] == ["fired", "insufficient", "fired"]


def force(settings: Settings, reason: str) -> None:
    run_cycles(settings, "alpha", forced=reason)


def test_killed_on_the_way(run: Run, settings: Settings) -> None:
    """The record says so at the next start; the model that was live is live."""
    for place, stage in (("retraining.1_recorded", "look"), ("retraining.3_pipeline", "pipeline")):
        assert exit_code_at(place, MODULES, force, settings, "killed") == -signal.SIGKILL
        left = cycles(run)[0]
        assert (left["status"], left["finished_at"]) == ("running", None)
        assert live(settings) == "sim:1"
        held = run("retrain")
        assert held.code == 0, held.err
        ended = next(one for one in cycles(run) if one["cycle_id"] == left["cycle_id"])
        assert ended["status"] == "abandoned"
        assert ended["outcome"].endswith(f"ended during stage {stage}")


def test_failed_cycle_leaves_the_live_model(run: Run, settings: Settings, make_failing: Callable[[], Run]) -> None:
    failed = make_failing()("retrain", "--force", "--reason", "too little data")
    assert failed.code == 1
    one = cycles(run)[0]
    assert (one["status"], one["forced"], one["stage"]) == ("failed", True, "dataset")
    assert one["outcome"].startswith("stage dataset: ")
    assert live(settings) == "sim:1"
    lock = ActiveLock(settings, "retraining")
    assert lock.acquire(threading.Event())
    try:
        busy = run("retrain")
        assert (busy.code, "one at a time" in busy.err) == (1, True)
    finally:
        lock.release()


@pytest.fixture
def make_failing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[], Run]:
    """Cycles over the last seconds of today, in which there are no bars."""
    short = settings.model_copy(update={"retraining": settings.retraining.model_copy(update={"span_days": 0.001})})
    return lambda: runner(short, monkeypatch, capsys)


def test_promotes_what_is_better(run: Run, settings: Settings, tmp_path: Path) -> None:
    """A live model that learnt the contrary; the setting lets the better one take its place without anybody's hand."""
    from signaltape.datasets import open_dataset
    from tests.support.dataset_examples import write as write_dataset

    content = open_dataset(next((settings.home / "retraining").glob("*/dataset"))).content
    turned = content.take(np.arange(len(content)) >= 0)
    turned.label[:] = -content.label
    write_dataset(tmp_path / "turned", turned)
    assert run("pipeline", "run", "--name", "bad", "--dataset", tmp_path / "turned").code == 0
    later = simulated(ic=0.8, symbols=12, sessions=3)
    last = int(content.event_time.max()) + MINUTE
    write_bars(tmp_path / "later.parquet", later.between(last, last + 5 * DAY))
    with running(settings, "ingest", "features", "inference", "store"):
        activation = {"strategy": "beta", "model": "bad", "model_version": 1, "reason": "test"}
        decide(settings, Control(settings), [("activate", activation)])
        assert live(settings, "beta") == "bad:1"
        # It lies before these bars on every partition: the next decision acts from a later bar than this one.
        assert (
            run(
                "publish", tmp_path / "later.parquet", "--interval", "1m", "--stamp", "close", "--source", "history"
            ).code
            == 0
        )
        asked = settings.retraining.model_copy(update={"mode": "promote"})
        (done,) = run_cycles(settings.model_copy(update={"retraining": asked}), "beta", forced="it is bad")
    assert done.status == "promoted", done.outcome
    assert done.detail["comparison"]["decision"] == "promote"
    assert live(settings, "beta") == "bad:2"
    assert "bad:2 is live for beta in the place of bad:1" in done.outcome
    stages = json.loads(run("models", "stages", "bad", "--json").out)
    assert any(one["stage"] == "production" and "retraining cycle" in one["reason"] for one in stages)
