"""`signaltape pipeline` on a real registry: reports, failed stages, deaths, and going on."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.warehouse import connect
from pipeline.dataset_content import DatasetContent
from pipeline.features import FEATURE_SETS
from pipeline.offline import compute
from signaltape.client import Control
from signaltape.initialisation import initialise
from signaltape.model_pipeline import resume_run
from signaltape.model_pipeline.errors import PipelineStopped
from signaltape.model_pipeline.folder import RunFolder
from signaltape.training.dataset import maturities
from tests.support.commands import Run, runner
from tests.support.dataset_examples import MINUTE, terms_of
from tests.support.dataset_examples import write as write_dataset
from tests.support.killed import exit_code_at
from tests.support.linear_models import write_linear_model
from tests.support.training_bars import simulated

pytestmark = pytest.mark.slow

STAGES = ["validate", "test", "train", "evaluate", "register", "deploy"]


@pytest.fixture(scope="module")
def content() -> DatasetContent:
    """Rows of the set `minimal`, whose few columns are quickly checked for look-ahead."""
    table = compute(simulated(ic=0.8, symbols=12, sessions=2), "1m", "minimal", horizons=(1,))
    chosen = FEATURE_SETS["minimal"]
    matures = maturities(table.symbol, table.event_time, 1)
    whole = DatasetContent(
        terms=terms_of(chosen.names, feature_set="minimal", set_hash=chosen.hash, set_version=chosen.version),
        symbol=table.symbol, event_time=table.event_time, available_time=table.event_time + MINUTE // 60,
        values=np.where(table.valid, table.values, np.nan), label=table.returns[1], label_event_time=matures,
        label_available_time=matures + MINUTE // 60,
    )  # fmt: skip
    return whole.take(np.isfinite(table.returns[1]))


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(engine={"feature_sets": ("minimal",)})


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    initialise(settings)
    return runner(settings, monkeypatch, capsys)


def ended(run: Run, *options: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("pipeline", "run", *options, "--json").out)
    return found


def states(document: dict[str, Any]) -> dict[str, str]:
    return {one["stage"]: one["status"] for one in document["stages"]}


def test_from_a_dataset_to_staging(run: Run, settings: Settings, tmp_path: Path, content: DatasetContent) -> None:
    write_dataset(tmp_path / "set", content)
    document = ended(run, "--name", "sim", "--dataset", tmp_path / "set", "--strategy", "alpha")
    assert document["passed"], document["stages"][-1]
    assert states(document) == dict.fromkeys(STAGES, "passed")
    folder = Path(document["folder"])
    for number, name in enumerate(STAGES, 1):
        kept = json.loads((folder / f"{number}-{name}.json").read_text())
        assert kept == document["stages"][number - 1]
    details = {one["stage"]: one["detail"] for one in document["stages"]}
    assert details["evaluate"]["comparison"]["decision"] == "promote"  # nothing is live
    assert details["deploy"]["next"] == "signaltape models promote sim:1 --strategy alpha"
    page = (folder / "report.html").read_text()
    for told in ("Model pipeline: sim", "passed", "rank_ic", "reliability", "signaltape models promote sim:1"):
        assert told in page
    found = ModelRegistry(settings).get_model("sim", 1)
    assert found.runs[0].run_id == details["train"]["run_id"]
    assert found.manifest.sha256 == details["train"]["sha256"]
    (listed,) = json.loads(run("models", "list", "--json").out)
    assert listed["stage"] == "staging"
    assert json.loads(run("pipeline", "list", "--json").out) == [{"run_id": document["run_id"], "state": "passed"}]
    assert run("pipeline", "show", document["run_id"]).code == 0
    again = ended(run, "--resume", document["run_id"])  # nothing is left to do
    assert again == document
    assert len(ModelRegistry(settings).rows()) == 1
    worse_and_equal(run, settings, tmp_path, content)


def worse_and_equal(run: Run, settings: Settings, tmp_path: Path, content: DatasetContent) -> None:
    """The live model knows the sign that the market has; a new one that learns the contrary stops, an equal one is for
    review."""
    Control(settings).issue("activate", strategy="alpha", model="sim", model_version=1, reason="test")
    # Labels turned round in the training and validation span only: what is learnt is wrong on the test rows.
    first_test = ModelRegistry(settings).get("sim", 1).training["first_test_time"]
    turned = DatasetContent(
        **{name: getattr(content, name) for name in ("terms", "symbol", "event_time", "available_time", "values",
                                                     "label_event_time", "label_available_time")},
        label=np.where(content.event_time < first_test, -content.label, content.label),
    )  # fmt: skip
    write_dataset(tmp_path / "turned", turned)
    stopped = run("pipeline", "run", "--name", "bad", "--dataset", tmp_path / "turned", "--strategy", "alpha")
    assert stopped.code == 1, stopped.out
    assert "stopped at stage evaluate: " in stopped.err
    assert "FAILED evaluate" in stopped.out
    assert [row.name for row in ModelRegistry(settings).rows()] == ["sim"]
    again = ended(run, "--name", "sim", "--dataset", tmp_path / "set", "--strategy", "alpha")
    compared = again["stages"][3]["detail"]["comparison"]
    assert (again["passed"], compared["champion"], compared["decision"]) == (True, "sim:1", "review")  # no difference
    with connect(settings) as connection:
        rows = connection.execute(
            "SELECT version, champion_version, decision FROM model_comparisons ORDER BY id"
        ).fetchall()
    assert rows == [(1, None, "promote"), (2, 1, "review")]


def test_a_failed_stage_is_resumed(run: Run, settings: Settings, tmp_path: Path, content: DatasetContent) -> None:
    write_dataset(tmp_path / "set", content)
    assert run("dataset", "validate", tmp_path / "set", "--derive", tmp_path / "suite.json").code == 0
    suite = json.loads((tmp_path / "suite.json").read_text())
    rows = next(one for one in suite["expectations"] if one["kind"] == "rows")
    rows |= {"severity": "critical", "minimum": 10.0 * len(content)}
    (tmp_path / "suite.json").write_text(json.dumps(suite))
    options = ("--name", "sim", "--dataset", tmp_path / "set", "--suite", tmp_path / "suite.json")
    first = ended(run, *options)
    assert states(first) == {"validate": "failed"}
    assert "rows" in first["stages"][0]["reason"]
    assert run("pipeline", "show", first["run_id"]).code == 1
    assert "stopped at validate" in (Path(first["folder"]) / "report.html").read_text()
    rows["minimum"] = 100.0
    (tmp_path / "suite.json").write_text(json.dumps(suite))
    code = exit_code_at(  # the model is registered, its report isn't written
        "pipeline.register", [__name__, "signaltape.model_pipeline"], going_on, settings, first["run_id"]
    )
    assert code == -signal.SIGKILL
    assert run("pipeline", "show", first["run_id"]).out.splitlines()[-1].split("; ")[0].endswith("4 stages passed")
    assert [row.version for row in ModelRegistry(settings).rows()] == [1]
    second = ended(run, "--resume", first["run_id"])
    assert second["passed"], second["stages"][-1]
    assert [row.version for row in ModelRegistry(settings).rows()] == [1]
    assert second["stages"][4]["detail"]["version"] == 1


def going_on(settings: Settings, run_id: str) -> None:
    resume_run(settings, run_id, settings.home / "model-pipeline", lambda text: None)


def test_what_can_not_go_on(run: Run, settings: Settings, tmp_path: Path, content: DatasetContent) -> None:
    write_dataset(tmp_path / "set", content)
    write_linear_model(tmp_path / "m")
    params = tmp_path / "params.json"
    params.write_text('{"penalty": 1e30}')
    stopped = ended(run, "--name", "sim", "--dataset", tmp_path / "set", "--params", params)
    assert states(stopped) == {"validate": "passed", "test": "passed", "train": "failed"}
    assert "learnt nothing" in stopped["stages"][2]["reason"]
    with connect(settings) as connection:
        assert connection.execute("SELECT status FROM model_training_runs").fetchall() == [("failed",)]
    folder = RunFolder(Path(stopped["folder"]))
    with folder.locked():
        busy = run("pipeline", "run", "--resume", stopped["run_id"])
        assert (busy.code, "under way in another process" in busy.err) == (1, True)
    (tmp_path / "set").rename(tmp_path / "old")
    write_dataset(tmp_path / "set", content.take(content.event_time > content.event_time.min()))
    replaced = run("pipeline", "run", "--resume", stopped["run_id"])
    assert (replaced.code, "another fingerprint than when this run began" in replaced.err) == (1, True)
    for options, code, message in (
        (("--resume", "nobody"), 1, "there is no run 'nobody'"),
        (("--resume", "../x"), 1, "there is no run '../x'"),
        (("--resume", "x", "--name", "sim"), 2, "keeps its own options"),
        (("--name", "sim"), 2, "give --name and --dataset"),
        (("--name", "sim", "--dataset", tmp_path / "none"), 1, "none"),
        (("--name", "sim", "--dataset", tmp_path / "set", "--shadow"), 1, "a shadow needs the strategy"),
        (("--name", "Sim", "--dataset", tmp_path / "set"), 1, "lower-case"),
    ):
        refused = run("pipeline", "run", *options)
        assert (refused.code, message in refused.err) == (code, True), refused.err
    (folder.path / "plan.json").write_text("{}")
    with pytest.raises(PipelineStopped, match="no plan of a run"):
        going_on(settings, stopped["run_id"])
