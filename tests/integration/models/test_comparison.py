"""`signaltape models compare` on a real registry: datasets, stored predictions, what is recorded, what is refused."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.warehouse import connect, migrate
from infra.warehouse.connection import Warehouse
from infra.warehouse.model_comparisons import newest_comparison
from infra.warehouse.models import ModelMetric
from pipeline.dataset_content import DatasetContent
from pipeline.deployments import ModelRef
from tests.support.commands import Run, runner
from tests.support.dataset_examples import content_of_bars
from tests.support.dataset_examples import write as write_dataset
from tests.support.linear_models import write_linear_model
from tests.support.training_bars import simulated

LATE = 4_000_000_000 * 1_000_000_000


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    migrate(settings)
    return runner(settings, monkeypatch, capsys)


@pytest.fixture(scope="module")
def content() -> DatasetContent:
    return content_of_bars(simulated(symbols=6, sessions=1))


def register(settings: Settings, folder: Path, weight: float, first_test_time: int | None = 0, **terms: object) -> str:
    """A model that sees the last return: with a weight below 0 it says the contrary of what comes (or not)."""
    training = {} if first_test_time is None else {"first_test_time": first_test_time}
    made = write_linear_model(
        folder, name="m", version=0, feature_set="core", training=training,
        weights={"logret_1": weight, "volume_z_20": 1e-7}, **{"horizon": 1, **terms},
    )  # fmt: skip
    return f"m:{ModelRegistry(settings).register(folder, made)}"


def test_on_a_dataset(run: Run, settings: Settings, tmp_path: Path, content: DatasetContent) -> None:
    """The model with the sign that the simulated market has wins, and the loser of the pair is rejected."""
    write_dataset(tmp_path / "set", content)
    inside = int(np.median(content.event_time))
    right, wrong = (register(settings, tmp_path / str(w), w, inside) for w in (-0.3, 0.3))
    first = content.values[:, content.terms.features.index("logret_1")]
    held_out = content.event_time >= inside
    expected = stats.pearsonr(-first[held_out].astype(np.float32), content.label[held_out]).statistic
    if expected < 0:
        right, wrong, expected = wrong, right, -expected
    found = run("models", "compare", right, "--with", wrong, "--dataset", tmp_path / "set", "--json")
    assert found.code == 0, found.err
    document = json.loads(found.out)
    assert document["decision"] == "promote"
    assert document["rows"] == held_out.sum()
    metrics = {one["metric"]: one for one in document["metrics"]}
    assert metrics["ic"]["challenger"] == pytest.approx(expected, abs=1e-4)
    assert metrics["ic"]["champion"] == pytest.approx(-expected, abs=1e-4)
    text = run("models", "compare", wrong, "--with", right, "--dataset", tmp_path / "set")
    assert "verdict: reject" in text.out
    assert "rank_ic worse" in text.out
    with Warehouse(settings, "test") as warehouse:
        kept = warehouse.run(lambda connection: newest_comparison(connection, ref(wrong), ref(right)))
        other = warehouse.run(lambda connection: newest_comparison(connection, ref(right), None))
    assert kept is not None
    assert (kept.decision, kept.source, kept.detail["rows"]) == ("reject", "dataset", held_out.sum())
    assert kept.data_from == content.event_time[held_out].min()
    assert kept.data_to == content.event_time.max()
    assert kept.data == json.loads((tmp_path / "set" / "manifest.json").read_text())["fingerprint"]
    assert other is None


def ref(text: str) -> ModelRef:
    name, _, version = text.partition(":")
    return ModelRef(name=name, version=int(version))


def test_rows_that_may_have_been_learnt_from(
    run: Run, settings: Settings, tmp_path: Path, content: DatasetContent
) -> None:
    write_dataset(tmp_path / "set", content)
    old = register(settings, tmp_path / "old", 0.3)
    later = register(settings, tmp_path / "later", -0.3, LATE)
    stranger = register(settings, tmp_path / "stranger", -0.3, None)
    refused = run("models", "compare", later, "--with", old, "--dataset", tmp_path / "set")
    assert refused.code == 1
    assert "every row of the dataset lies before the test rows" in refused.err
    doubtful = run("models", "compare", stranger, "--with", old, "--dataset", tmp_path / "set", "--json")
    assert json.loads(doubtful.out)["decision"] in ("review", "reject")
    assert f"{stranger} does not say which rows" in doubtful.out
    vouched = run(
        "models", "compare", stranger, "--with", old, "--dataset", tmp_path / "set", "--from", "2000-01-01T00:00:00Z"
    )
    assert "does not say" not in vouched.out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"horizon": 2}, "predicts 1 bars ahead, m:2 2"),
        ({"intervals": ("1d",)}, "the dataset holds bars of 1m, m:2 serves 1d"),
        ({"feature_set": "minimal"}, "the dataset holds the set core, asked for is minimal"),
    ],
)
def test_models_that_do_not_go_together(
    run: Run, settings: Settings, tmp_path: Path, content: DatasetContent, changes: dict[str, object], message: str
) -> None:
    write_dataset(tmp_path / "set", content)
    register(settings, tmp_path / "a", 0.3)
    made = write_linear_model(
        tmp_path / "b", name="m", version=0,
        **{"horizon": 1, "feature_set": "core", "training": {"first_test_time": 0}, **changes},
    )  # fmt: skip
    ModelRegistry(settings).register(tmp_path / "b", made)
    refused = run("models", "compare", "m:2", "--with", "m:1", "--dataset", tmp_path / "set")
    assert (refused.code, message in refused.err) == (1, True), refused.err
    with connect(settings) as connection:
        assert connection.execute("SELECT count(*) FROM model_comparisons").fetchone() == (0,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--with", "m:1"), "give --dataset with a folder, or --live"),
        (("--with", "m:1", "--live", "--dataset", "x"), "give --dataset with a folder, or --live"),
        (("--with", "m:1", "--strategy", "alpha", "--live"), "give --with or --strategy"),
        (("--with", "m:1", "--live"), "m:1 is the champion itself"),
        (("--with", "m:9", "--live"), "has no version 9"),
    ],
)
def test_usage(run: Run, settings: Settings, tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    register(settings, tmp_path / "a", 0.3)
    refused = run("models", "compare", "m", *options)
    assert message in refused.err
    assert refused.code == (1 if "m:9" in options else 2)


def test_best(run: Run, settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    made = write_linear_model(folder, name="m", version=0, strategy_type="reversal")
    for value in (0.01, 0.02):
        metric = ModelMetric(dataset="test", metric="rank_ic", value=value, higher_is_better=True)
        ModelRegistry(settings).register(folder, made, [metric])
    found = json.loads(run("models", "best", "--strategy-type", "reversal", "--json").out)
    assert found == {"model": "m:2", "metric": "rank_ic", "dataset": "test", "value": 0.02}
    refused = run("models", "best", "--strategy-type", "reversal", "--lower-is-better")
    assert (refused.code, "of which higher is better" in refused.err) == (1, True)


START = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
PREDICTION = """
INSERT INTO predictions (strategy, model, model_version, role, symbol, interval, event_time, source_offset, horizon,
    score, confidence, status, direction, outcome, model_latency_ns, partition, topic_offset)
VALUES ('alpha', 'm', %s, %s, %s, '1m', %s, 0, 1, %s, 0.5, %s, %s, 'none', 0, 0, 0)
"""
RETURN = """
INSERT INTO returns (symbol, interval, event_time, revision, available_time, kind, horizons, prediction_times,
    log_returns, partition)
VALUES (%s, '1m', %s, %s, %s, 'live', '{1}', ARRAY[%s::timestamptz], ARRAY[%s::float8], 0)
"""


def test_on_bars_that_both_answered_live(run: Run, settings: Settings, tmp_path: Path) -> None:
    """A champion and its shadow over 300 minutes; fallbacks, unmatured bars and old revisions don't count."""
    champion, shadow = register(settings, tmp_path / "a", 0.3), register(settings, tmp_path / "b", -0.3)
    nothing = run("models", "compare", shadow, "--with", champion, "--live")
    assert "let the one run as a shadow" in nothing.err
    rng = np.random.default_rng(4)
    y = rng.normal(0, 1e-3, (300, 5))
    scores = rng.normal(0, 1e-3, (300, 5)), y + rng.normal(0, 1e-3, (300, 5))
    with connect(settings) as connection, connection.transaction(), connection.cursor() as cursor:
        for bar in range(300):
            at = START + timedelta(minutes=bar)
            for number in range(5):
                symbol = f"S{number}"
                for version, role, score in ((1, "live", scores[0]), (2, "shadow", scores[1])):
                    status = "fallback" if (bar, number, version) == (7, 0, 2) else "ok"
                    side = "long" if score[bar, number] > 0 else "short"
                    cursor.execute(PREDICTION, (version, role, symbol, at, score[bar, number], status, side))
                if bar < 299:  # the last labels haven't matured
                    ripe = at + timedelta(minutes=1)
                    cursor.execute(RETURN, (symbol, ripe, 5, ripe, at, 9.0))  # corrected since
                    cursor.execute(RETURN, (symbol, ripe, 6, ripe, at, y[bar, number]))
    found = run("models", "compare", shadow, "--with", champion, "--live", "--json")
    assert found.code == 0, found.err
    document = json.loads(found.out)
    kept = np.ones((300, 5), dtype=bool)
    kept[7, 0] = kept[299] = False
    metrics = {one["metric"]: one for one in document["metrics"]}
    assert (document["rows"], document["times"], document["source"]) == (299 * 5 - 1, 299, "live")
    assert metrics["rank_ic"]["challenger"] == pytest.approx(stats.spearmanr(scores[1][kept], y[kept]).statistic)
    assert metrics["edge"]["champion"] == pytest.approx(np.mean(np.sign(scores[0][kept]) * y[kept]))
    assert document["decision"] == "promote"
    late = run("models", "compare", shadow, "--with", champion, "--live", "--from", "2026-01-05T17:00:00Z", "--json")
    assert json.loads(late.out)["rows"] == 179 * 5
    assert json.loads(late.out)["decision"] == "review"
