"""`signaltape train` and `signaltape models …` on a real registry, by exit code and output."""

import json
from pathlib import Path
from typing import LiteralString

import pytest
from psycopg.types.json import Jsonb

from infra.build import git_sha
from infra.scoring.manifest import from_json
from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.warehouse import connect, migrate
from pipeline.features import FEATURE_SETS
from producers.bar_files import write_bars
from signaltape.model_tests import MODEL_TESTS_FILE
from signaltape.model_tests import from_json as from_model_tests
from tests.support.commands import Run, runner
from tests.support.dataset_examples import content_of_bars
from tests.support.dataset_examples import write as write_dataset
from tests.support.linear_models import linear_graph, write_linear_model
from tests.support.training_bars import simulated


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line with this test's settings."""
    migrate(settings)
    return runner(settings, monkeypatch, capsys)


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bars") / "bars.parquet"
    write_bars(path, simulated(symbols=8, sessions=1))
    return path


def test_train_then_list_and_show(run: Run, settings: Settings, bars: Path) -> None:
    arguments = ("train", bars, "--interval", "1m", "--stamp", "close", "--name", "sim", "--json")
    trained = run(*arguments)
    assert trained.code == 0, trained.err
    document = json.loads(trained.out)
    assert (document["name"], document["version"]) == ("sim", 1)
    assert document["metrics"]["test"]["rank_ic_low"] > 0.0
    assert document["model_tests"] == {"passed": True, "share": 1.0}
    again = run(*arguments, "--horizon", "3", "--parameter", "penalty=0.1", "--serve", "1s,1m")
    assert json.loads(again.out)["version"] == 2
    assert "could not be watched for drift" in again.err

    listed = json.loads(run("models", "list", "--json").out)
    assert [(row["name"], row["version"], row["horizon"], row["intervals"]) for row in listed] == [
        ("sim", 1, 5, ["1m"]),
        ("sim", 2, 3, ["1s", "1m"]),
    ]
    shown = json.loads(run("models", "show", "sim:1", "--json", "--check").out)
    assert shown["loadable"] is True
    assert shown["manifest"]["sha256"] == document["manifest"]["sha256"]
    assert shown["runs"][0]["dataset_fingerprint"] == document["manifest"]["training"]["dataset_fingerprint"]
    kept = {(one["dataset"], one["metric"]): one["value"] for one in shown["metrics"]}
    assert kept["test", "rank_ic"] == document["metrics"]["test"]["rank_ic"]
    text = run("models", "show", "sim")
    assert "sim:2, registered" in text.out
    assert "rank_ic" in text.out
    assert ModelRegistry(settings).get("sim", 2).training["parameters"]["penalty"] == 0.1


def test_show_check_refuses_a_changed_file(run: Run, settings: Settings, tmp_path: Path) -> None:
    registry = ModelRegistry(settings)
    registry.register(tmp_path / "m", write_linear_model(tmp_path / "m"))
    path = registry.folder("linear-test", 1) / "model.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    assert run("models", "show", "linear-test").code == 0
    refused = run("models", "show", "linear-test", "--check")
    assert refused.code == 1
    assert "model.onnx: its SHA-256 is" in refused.err
    assert "register the model again" in refused.err


def test_reproduce(run: Run, settings: Settings, tmp_path: Path) -> None:
    """The same bytes from the same dataset; if not, what differs is named."""
    content = content_of_bars(simulated(symbols=4, sessions=1))
    write_dataset(tmp_path / "set", content)
    write_dataset(tmp_path / "other", content.take(content.event_time > content.event_time.min()))
    trained = run("train", "--dataset", tmp_path / "set", "--name", "sim")
    assert trained.code == 0, trained.err
    again = run("models", "reproduce", "sim", "--dataset", tmp_path / "set", "--json")
    assert again.code == 0, again.err
    items = {one["name"]: one for one in json.loads(again.out)}
    assert {"dataset", "feature set", "parameters", "seed", "numerics", "numpy", "weights (SHA-256)"} <= items.keys()
    assert all(one["same"] and one["was"] for name, one in items.items() if name != "git SHA")
    other = run("models", "reproduce", "sim", "--dataset", tmp_path / "other")
    assert other.code == 1
    assert "was trained on the fingerprint" in other.err
    with connect(settings) as connection:  # as if it came from another host
        changed = Jsonb({"numerics": "elsewhere", "sha256": "0" * 64})
        connection.execute("UPDATE models SET manifest = manifest || %s", (changed,))
    foreign = run("models", "reproduce", "sim:1", "--dataset", tmp_path / "set")
    assert foreign.code == 1
    different = [line.split()[0] for line in foreign.out.splitlines() if " different " in line]
    assert different == ["numerics", "weights"]


def test_checklist(run: Run, settings: Settings, tmp_path: Path) -> None:
    """Every item is held against something; what was changed by hand is seen."""
    content = content_of_bars(simulated(symbols=4, sessions=1))
    write_dataset(tmp_path / "set", content)
    write_dataset(tmp_path / "other", content.take(content.event_time > content.event_time.min()))
    assert run("train", "--dataset", tmp_path / "set", "--name", "sim", "--horizon", "1").code == 0

    def states(*options: object) -> dict[str, str]:
        ran = run("models", "checklist", "sim", *options, "--json")
        found = {one["name"]: one["state"] for one in json.loads(ran.out)}
        assert ran.code == (0 if set(found.values()) == {"verified"} else 1)
        return found

    def change(statement: LiteralString, *values: object) -> None:
        with connect(settings) as connection:
            connection.execute(statement, values)

    change("UPDATE model_training_runs SET git_sha = %s", git_sha().removesuffix("+changes"))
    names = ["git SHA", "feature version", "dataset fingerprint", "parameters", "weights' checksum", "metrics",
             "metrics over time"]  # fmt: skip
    assert states("--dataset", tmp_path / "set") == dict.fromkeys(names, "verified")
    without = states()
    assert (without["dataset fingerprint"], without["metrics"]) == ("unverified", "unverified")
    assert states("--dataset", tmp_path / "other")["dataset fingerprint"] == "failed"
    change("UPDATE model_metrics SET value = value + 0.001 WHERE dataset = 'test' AND metric = 'rank_ic'")
    change("UPDATE model_training_runs SET git_sha = %s", "0" * 40)
    change("UPDATE model_training_runs SET parameters = parameters || '{\"seed\": 8}'")
    (ModelRegistry(settings).folder("sim", 1) / "golden.json").unlink()
    broken = states("--dataset", tmp_path / "set")
    assert [name for name in names if broken[name] == "failed"] == ["git SHA", "parameters", "weights' checksum"]
    assert broken["metrics"] == "unverified"  # there are no weights to compute them with


def test_checklist_sees_a_metric_that_was_changed(run: Run, settings: Settings, tmp_path: Path) -> None:
    write_dataset(tmp_path / "set", content_of_bars(simulated(symbols=4, sessions=1)))
    assert run("train", "--dataset", tmp_path / "set", "--name", "sim", "--horizon", "1").code == 0
    with connect(settings) as connection:
        connection.execute("UPDATE model_metrics SET value = value + 0.001 WHERE metric = 'rank_ic'")
    told = run("models", "checklist", "sim", "--dataset", tmp_path / "set")
    assert told.code == 1
    assert "rank_ic on test" in told.out


def test_trained_files_without_registry(run: Run, settings: Settings, bars: Path, tmp_path: Path) -> None:
    command = ("train", bars, "--interval", "1m", "--stamp", "close", "--name", "sim", "--out", tmp_path / "new")
    assert "not registered" in run(*command).out
    assert ModelRegistry(settings).rows() == []
    second = run(*command)
    assert (second.code, "is not empty" in second.err) == (2, True)
    # What was written is what `models register` takes, its golden vectors included.
    folder = tmp_path / "new"
    given = ("models", "register", folder / "model.onnx", "--manifest", folder / "manifest.json")
    taken = run(*given, "--golden", folder / "golden.json", "--json")
    assert json.loads(taken.out)["version"] == 1
    made = from_json((folder / "manifest.json").read_text())
    assert ModelRegistry(settings).get("sim").golden_sha256 == made.golden_sha256


def manifest_of(folder: Path, **changes: object) -> Path:
    """A manifest as somebody writes it by hand: no checksums."""
    document = write_linear_model(folder / "model").document()
    for name in ("sha256", "golden_sha256", "numerics", "training", "psi_reference", "version"):
        del document[name]
    path = folder / "manifest.json"
    path.write_text(json.dumps({**document, **changes}))
    return path


def test_register_a_model_from_elsewhere(run: Run, settings: Settings, tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path)
    taken = run("models", "register", tmp_path / "model" / "model.onnx", "--manifest", manifest)
    assert taken.code == 0, taken.err
    assert "registered as linear-test:1" in taken.out
    assert "made on this host" in taken.err
    assert "n/a  reliability" in taken.out
    (kept,) = (
        one for one in ModelRegistry(settings).get_model("linear-test").artifacts if one.kind == MODEL_TESTS_FILE
    )
    assert from_model_tests((ModelRegistry(settings).artifacts / kept.path).read_bytes()).passed
    _, scorer = ModelRegistry(settings).load("linear-test")
    assert scorer.manifest.horizon == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": "0" * 64}, "which is right?"),
        ({"horizon": "5"}, "manifest.json, field horizon: must be a whole number"),
        ({"set_hash": "0" * 16}, "train it again"),
        ({"features": ["logret_1"]}, "needed is [any number, 1]"),
        ({"colour": "blue"}, "unknown field colour"),
    ],
)
def test_register_refuses(run: Run, tmp_path: Path, changes: dict[str, object], message: str) -> None:
    manifest = manifest_of(tmp_path, **changes)
    refused = run("models", "register", tmp_path / "model" / "model.onnx", "--manifest", manifest)
    assert refused.code == 1
    assert message in refused.err
    assert run("models", "list").out.startswith("no model is registered yet")


def test_a_model_from_elsewhere_is_tested_on_a_dataset(run: Run, tmp_path: Path) -> None:
    """Its confidence of nearly 1 for every row isn't borne out: it is registered, and the report says so."""
    write_dataset(tmp_path / "set", content_of_bars(simulated(symbols=4, sessions=1)))
    core = FEATURE_SETS["core"]
    changes = {"set_hash": core.hash, "feature_set": "core", "set_version": core.version, "horizon": 1}
    manifest = manifest_of(tmp_path, **changes)
    (tmp_path / "model" / "model.onnx").write_bytes(linear_graph([-0.5, -0.0005], sharpness=1e6))
    command = ("models", "register", tmp_path / "model" / "model.onnx", "--manifest", manifest)
    taken = run(*command, "--dataset", tmp_path / "set", "--json")
    assert taken.code == 0, taken.err
    assert json.loads(taken.out)["model_tests"] == {"passed": False, "share": pytest.approx(6 / 7)}
    refused = run(*command[:-1], manifest_of(tmp_path, **{**changes, "horizon": 3}), "--dataset", tmp_path / "set")
    assert (refused.code, "return over 1 bars, asked for are 3" in refused.err) == (1, True)


def test_register_refuses_a_graph_that_passes_nan_on(run: Run, tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path)
    (tmp_path / "nan.onnx").write_bytes(linear_graph([float("nan"), 1.0]))
    refused = run("models", "register", tmp_path / "nan.onnx", "--manifest", manifest)
    assert (refused.code, "let the graph impute it" in refused.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("models", "show", "nobody"), 1, "no model 'nobody' is registered (registered: none)"),
        (("models", "show", "nobody:x"), 2, "give NAME or NAME:VERSION"),
        (("models", "register", "none.onnx", "--manifest", "none.json"), 1, "none.onnx: cannot be read"),
        (("train", "none.csv", "--interval", "1m", "--stamp", "close", "--name", "m"), 2, "none.csv: no such file"),
        (("train", "none.csv", "--interval", "1m", "--stamp", "close"), 2, "--name"),
        (
            ("train", "x.csv", "--interval", "1m", "--stamp", "close", "--name", "m", "--parameter", "a=b"),
            2,
            "name=number",
        ),
        (
            ("train", "x.csv", "--interval", "1m", "--stamp", "close", "--name", "m", "--until", "2020-01-01"),
            2,
            "--until 2020-01-01",
        ),
    ],
)
def test_errors_say_what_to_do(run: Run, arguments: tuple[str, ...], code: int, message: str) -> None:
    ended = run(*arguments)
    assert message in ended.err
    assert ended.code == code
