"""One run of the whole pipeline with a live model, three shadows and an experiment; its reports against the topics."""

import hashlib
import http.client
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse import connect
from pipeline.deployments import ModelRef
from pipeline.routing.decision import Thresholds
from schemas.alerts import Alert
from signaltape.client import Control
from signaltape.experiments import Terms, start_experiment, stop_experiment
from signaltape.promotion.history import read_decisions
from signaltape.promotion.stages import cause_of
from signaltape.reconcile import reconcile
from signaltape.shadowing import start_shadow, stop_shadow
from tests.support import isolation, topic_frames, world
from tests.support.commands import Run, runner
from tests.support.linear_models import write_linear_model
from tests.support.services import running
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

NAME = "linear-alpha"
SERVICES = ("ingest", "features", "inference", "store", "drift")
#: Weights of versions 2 (the arm), 3 (a second shadow) and 4 (predicts on days only).
WEIGHTS = {2: {"logret_1": 0.3, "volume_z_20": 0.0003}, 3: {"logret_1": -0.1, "momentum_pct_10": 0.2}}


@dataclass(frozen=True)
class Flown:
    """What the run left behind: its settings, metrics of the inference, and its topics as tables."""

    settings: Settings
    metrics: dict[str, float]
    stopped_at: int
    predictions: pd.DataFrame
    returns: pd.DataFrame
    signals: pd.DataFrame

    def served(self) -> pd.DataFrame:
        """Predictions of the experiment with the returns that came, and what they earned; the rules written again."""
        rows = self.predictions[self.predictions.experiment == "exp-1"].copy()
        keys = ["symbol", "interval", "time"]
        for column, horizon in (("label", 5), ("next", 1)):
            found = self.returns[self.returns.horizon == horizon][[*keys, "log_return"]]
            rows = rows.merge(found.rename(columns={"log_return": column}), on=keys, how="left")
        sign = rows.direction.map({"long": 1, "short": -1, "flat": 0})
        rows["position"] = sign.where(rows.outcome.isin(["emitted", "suppressed", "merged", "unchanged"]), 0)
        rows["pnl"] = rows.position * np.expm1(rows.next)
        rows["side"] = rows.role.map({"live": "control", "arm": "arm"})
        return rows


def register(settings: Settings, folder: Path, weights: dict[str, float], **terms: object) -> int:
    folder.mkdir(parents=True)
    made = write_linear_model(
        folder, name=NAME, version=0, feature_set="core", weights=weights, deadline_ms=world.DEADLINE_MS,
        thresholds=Thresholds(long=1e-4, short=-1e-4), **{"intervals": ("1s", "1m", "1d"), **terms},
    )  # fmt: skip
    return ModelRegistry(settings).register(folder, made, [])


@pytest.fixture(scope="module")
def flown(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flown]:
    name, folder = isolation.unique_name(), tmp_path_factory.mktemp("experiments")
    dsn = isolation.create_database(endpoints, name)
    settings = isolation.isolated_settings(endpoints, folder / "home", dsn, f"{name}.")
    table = world.small_market(symbols=24, bars=160)
    stopped_at = sorted(set(table.event_time.tolist()))[130]
    world.prepare(settings, folder)
    assert [register(settings, folder / str(number), weights) for number, weights in WEIGHTS.items()] == [2, 3]
    assert register(settings, folder / "4", WEIGHTS[2], intervals=("1d",)) == 4
    with running(settings, *SERVICES) as services:
        for version in (2, 3):
            start_shadow(settings, "alpha", ModelRef(name=NAME, version=version), reason="test")
        Control(settings).issue("shadow", strategy="alpha", model=NAME, model_version=9, reason="not registered")
        terms = Terms(name="exp-1", strategy="alpha", arm=ModelRef(name=NAME, version=2), arm_capital=0.25)
        start_experiment(settings, terms, force=True, reason="its tests were not run")
        stop_experiment(settings, "exp-1", effective_from=stopped_at)
        world.publish(settings, table)
        world.wait_drained(settings)
        wait_for(lambda: counted(settings), 30, "what was committed to be counted")
        metrics = scrape(settings)
        assert all(process.stop() == 0 for process in services.values())
    yield Flown(
        settings, metrics, stopped_at, topic_frames.predictions(settings), topic_frames.returns(settings),
        topic_frames.signals(settings),
    )  # fmt: skip
    isolation.drop_database(endpoints, name)


def counted(settings: Settings) -> bool:
    """True once all rows of the shadows that answer are counted: the inference counts behind its commit."""
    with connect(settings) as connection:
        query = "SELECT model_version, count(*) FROM predictions WHERE role = 'shadow' GROUP BY 1"
        rows, metrics = dict(connection.execute(query).fetchall()), scrape(settings)
    name = f'signaltape_shadow_rows_total{{model="{NAME}",strategy="alpha",version='
    return all(metrics.get(f'{name}"{version}"}}') == rows[version] for version in WEIGHTS)


def scrape(settings: Settings) -> dict[str, float]:
    """Every sample that the inference process shows."""
    port = json.loads((settings.home / "run" / "inference-0.json").read_text())["port"]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30.0)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    return {key: float(value) for key, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}


@pytest.fixture
def run(flown: Flown, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(flown.settings, monkeypatch, capsys)


def of_arm(symbol: str) -> bool:
    framed = b"".join(len(data).to_bytes(4, "little") + data for data in (b"exp-1", symbol.encode()))
    return int.from_bytes(hashlib.sha256(framed).digest(), "big") / 2**256 < 0.5


def test_approval_of_the_start_is_on_record(flown: Flown) -> None:
    with connect(flown.settings) as connection:
        rows = connection.execute("SELECT action, version, forced, reason, approval_id FROM model_approvals").fetchall()
    ((*approved, identity),) = rows
    assert approved == ["experiment", 2, True, "its tests were not run"]
    causes = [one.cause for one in read_decisions(flown.settings).events if one.action == "experiment"]
    assert causes == [cause_of(identity), ""]


def test_rows_and_signals_go_to_their_arms(flown: Flown) -> None:
    served = flown.predictions[flown.predictions.role.isin(["live", "arm"])]
    assert not served.duplicated(["symbol", "interval", "time"]).any()
    inside = served.time < flown.stopped_at
    assert (served.experiment == np.where(inside, "exp-1", "")).all()
    arm = inside & served.symbol.map(of_arm)
    assert (served.role == np.where(arm, "arm", "live")).all()
    assert (served.version == np.where(arm, 2, 1)).all()
    assert 0.2 < arm[inside].mean() < 0.8
    told = flown.signals
    arm = told.symbol.map(of_arm) & (told.time < flown.stopped_at)
    assert (told.version == np.where(arm, 2, 1)).all()
    assert (told.models == [(f"{NAME}:{version}",) for version in told.version]).all()
    assert (told.position_scale == np.where(arm, 0.5, 1.0)).all()
    assert set(told.strategy) == {"alpha"}


def test_shadows_predict_every_row_and_make_no_signal(flown: Flown) -> None:
    shadows = flown.predictions[flown.predictions.role == "shadow"]
    served = flown.predictions[flown.predictions.role != "shadow"]
    assert shadows.groupby("version").size().to_dict() == dict.fromkeys((2, 3, 9), len(served))
    assert set(shadows.outcome) == {"none"}


@pytest.mark.parametrize("tolerance", [None, 2e-4])
def test_shadow_report_equals_pandas(flown: Flown, run: Run, tolerance: float | None) -> None:
    found = run("models", "shadow-report", "--strategy", "alpha", "--json",
                *(() if tolerance is None else ("--tolerance", tolerance)))  # fmt: skip
    assert found.code == 0, found.err
    lines = {line["shadow"]: line for line in json.loads(found.out)["shadows"]}
    assert set(lines) == {f"{NAME}:{version}" for version in (2, 3, 9)}
    served = flown.predictions[flown.predictions.role != "shadow"]
    for version in (2, 3):
        line, pairs = lines[f"{NAME}:{version}"], pairs_with(flown, served, version)
        apart = (pairs.score_x - pairs.score_y).abs()
        assert (line["live_rows"], line["shadow_answered"], line["compared"]) == (len(served),) * 3
        assert (line["bars"], line["compared_bars"]) == (served.time.nunique(),) * 2
        assert line["complete"] is True
        assert line["score_differs"] == (apart > (tolerance or 1e-4)).sum() > 0
        assert line["mean_difference"] == pytest.approx(apart.mean(), rel=1e-9)
        assert line["max_difference"] == apart.max()
        assert line["correlation"] == pytest.approx(pairs.score_x.corr(pairs.score_y), rel=1e-9)
        assert line["direction_differs"] == (pairs.direction_x != pairs.direction_y).sum() > 0
        opposite = (pairs.direction_x + pairs.direction_y).isin(["longshort", "shortlong"])
        assert line["direction_opposite"] == opposite.sum()
        assert line["direction_rate"] == pytest.approx((pairs.direction_x != pairs.direction_y).mean())
    gone = lines[f"{NAME}:9"]
    assert (gone["shadow_rows"], gone["shadow_answered"], gone["compared"]) == (len(served), 0, 0)
    assert (gone["complete"], gone["score_rate"], gone["correlation"]) == (False, None, None)


def pairs_with(flown: Flown, served: pd.DataFrame, version: int) -> pd.DataFrame:
    shadow = flown.predictions[(flown.predictions.role == "shadow") & (flown.predictions.version == version)]
    return shadow.merge(served, on=["symbol", "interval", "time"])


def test_shadow_report_over_a_span(flown: Flown, run: Run) -> None:
    start, end = sorted(flown.predictions.time.unique())[10:21:10]
    found = run("models", "shadow-report", "--strategy", "alpha", "--from", start, "--to", end, "--json")
    inside = flown.predictions[(flown.predictions.time > start) & (flown.predictions.time <= end)]
    line = json.loads(found.out)["shadows"][0]
    assert (line["bars"], line["live_rows"]) == (10, (inside.role != "shadow").sum())
    text = run("models", "shadow-report", "--strategy", "alpha", "--from", start, "--to", end).out
    assert f"{NAME}:9 on 1m: 10 bars" in text
    assert text.count("COUNTS DIFFER") == 1


def test_metrics_count_what_the_report_counts(flown: Flown) -> None:
    served = flown.predictions[flown.predictions.role != "shadow"]
    for version in (2, 3):
        pairs = pairs_with(flown, served, version)
        labels = f'{{model="{NAME}",strategy="alpha",version="{version}"}}'
        assert flown.metrics[f"signaltape_shadow_rows_total{labels}"] == len(pairs)
        apart = (pairs.score_x - pairs.score_y).abs() > 1e-4
        assert flown.metrics[f"signaltape_shadow_score_differs_total{labels}"] == apart.sum()
        other = pairs.direction_x != pairs.direction_y
        assert flown.metrics[f"signaltape_shadow_direction_differs_total{labels}"] == other.sum()


def test_the_alarm_fires_for_the_shadow_that_answers_nothing_and_for_no_other(flown: Flown) -> None:
    alerts = [one for one in topic_frames.messages(flown.settings, "alerts") if isinstance(one, Alert)]
    (alert,) = [one for one in alerts if one.rule == "shadow_count_differs"]
    rows = int((flown.predictions.role != "shadow").sum())
    assert alert.subject == f"shadow/{NAME}:9/1m"
    assert (alert.evidence["live_answered"], alert.evidence["shadow_answered"]) == (rows, 0)
    with connect(flown.settings) as connection:
        verdicts = connection.execute(
            "SELECT subject, verdict, value, sample_size FROM drift_metrics WHERE policy = 'shadow' ORDER BY 1"
        ).fetchall()
    assert verdicts == [
        (f"shadow/{NAME}:2/1m", "equal", 0.0, rows), (f"shadow/{NAME}:3/1m", "equal", 0.0, rows),
        (f"shadow/{NAME}:9/1m", "differs", float(-rows), rows),
    ]  # fmt: skip


def test_experiment_report_equals_pandas(flown: Flown, run: Run) -> None:
    found = run("experiments", "report", "exp-1", "--json")
    assert found.code == 0, found.err
    document = json.loads(found.out)
    assert (document["status"], document["control"], document["arm"]) == ("stopped", f"{NAME}:1", f"{NAME}:2")
    (one,) = document["intervals"]
    rows = flown.served()
    by_time = {}
    for side in one["sides"]:
        mine = rows[rows.side == side["side"]]
        earned = by_time[side["side"]] = mine.dropna(subset="pnl").groupby("time").pnl.mean()
        wealth = pd.concat([pd.Series([1.0]), (1 + earned).cumprod()])
        yearly = 252 * earned.index.nunique()  # one session
        judged = mine[(mine.position != 0) & mine.label.notna() & (mine.label != 0)]
        assert (side["symbols"], side["rows"]) == (mine.symbol.nunique(), len(mine))
        assert (side["positions"], side["fallbacks"]) == ((mine.position != 0).sum(), 0)
        assert side["bar_times"] == len(earned) > 80
        assert side["total_return"] == pytest.approx(wealth.iloc[-1] - 1, rel=1e-9)
        assert side["max_drawdown"] == pytest.approx((1 - wealth / wealth.cummax()).max(), rel=1e-9)
        assert side["sharpe"]["value"] == pytest.approx(earned.mean() / earned.std() * math.sqrt(yearly), rel=1e-9)
        assert side["sharpe"]["error"] > 0
        hits = np.sign(judged.label) == judged.position
        assert (side["judged"], side["hit_rate"]) == (len(judged), pytest.approx(hits.mean()))
    assert [side["position_scale"] for side in one["sides"]] == [1.0, 0.5]
    common = by_time["arm"].index.intersection(by_time["control"].index)
    paired = (by_time["arm"][common] - by_time["control"][common]).mean()
    assert one["difference"]["times"] == len(common)
    assert one["difference"]["paired"]["value"] == pytest.approx(paired, rel=1e-9)
    unpaired = by_time["arm"].mean() - by_time["control"].mean()
    assert one["difference"]["unpaired"]["value"] == pytest.approx(unpaired, rel=1e-9)
    for name in ("paired", "unpaired", "sharpe"):
        assert one["difference"][name]["low"] < one["difference"][name]["value"] < one["difference"][name]["high"]
    assert json.loads(run("experiments", "report", "exp-1", "--json").out) == document
    text = run("experiments", "report", "exp-1").out
    assert "control" in text
    assert f"{document['intervals'][0]['difference']['times']:,} bar times" in text


def test_outcomes_are_there_row_by_row(flown: Flown) -> None:
    names = ["symbol", "time", "arm", "model_id", "prediction", "signal", "position", "label", "pnl", "hit", "scale"]
    with connect(flown.settings) as connection:
        connection.execute("ANALYZE predictions, returns")  # what autovacuum does within minutes; see the docs
        found = pd.DataFrame(
            connection.execute(
                "SELECT symbol, (extract(epoch FROM timestamp) * 1e9)::bigint, arm, model_id, prediction, signal,"
                " position, actual_return, pnl, hit, position_scale FROM ab_outcomes WHERE experiment_id = 'exp-1'"
            ).fetchall(),
            columns=names,
        ).sort_values(["time", "symbol"], ignore_index=True)
    rows = flown.served().sort_values(["time", "symbol"], ignore_index=True)
    assert (found.arm == rows.side).all()
    assert (found.model_id == NAME + ":" + rows.version.astype(str)).all()
    for column, other in (("prediction", "score"), ("signal", "direction"), ("position", "position")):
        assert (found[column] == rows[other]).all()
    for column in ("label", "pnl"):
        assert np.allclose(found[column].astype(float), rows[column], rtol=1e-12, atol=1e-15, equal_nan=True)
    judged = (rows.position != 0) & rows.label.notna() & (rows.label != 0)
    assert found.hit.notna().tolist() == judged.tolist()
    assert found.hit[judged].tolist() == (np.sign(rows.label[judged]) == rows.position[judged]).tolist()
    told = flown.signals.set_index(["symbol", "time"]).position_scale.to_dict()
    scales = [told.get(place) for place in zip(rows.symbol, rows.time, strict=True)]
    assert found.scale.astype(object).where(found.scale.notna(), None).tolist() == scales


def test_model_performance(flown: Flown) -> None:
    with connect(flown.settings) as connection:
        found = connection.execute(
            "SELECT model_id, role, sum(prediction_count), count(DISTINCT timestamp), avg(inference_latency),"
            " bool_and(feature_drift_score IS NULL) FROM model_performance GROUP BY 1, 2 ORDER BY 1, 2"
        ).fetchall()
    groups = flown.predictions.groupby(["version", "role"])
    calls = flown.predictions.groupby(["version", "role", "time", "partition"]).latency.first()
    latency = calls.groupby(["version", "role", "time"]).mean().groupby(["version", "role"]).mean() / 1e6
    expected = [
        (f"{NAME}:{version}", role, len(rows), rows.time.nunique(), pytest.approx(latency[version, role]), True)
        for (version, role), rows in groups
    ]
    assert found == expected


def test_drift_score_of_a_session_that_has_one(flown: Flown) -> None:
    """These models have no training reference: a value is put where the drift agent would write one."""
    with connect(flown.settings) as connection, connection.transaction(force_rollback=True):
        for subject, value in ((f"score/{NAME}:1/1m/5/live", 0.125), (f"score/{NAME}:1/1m/5/shadow", 0.5)):
            connection.execute(
                "INSERT INTO drift_metrics (policy, strategy, subject, metric, session, verdict, value, sample_size)"
                " SELECT 'classic', 'alpha', %s, 'psi', session, 'stable', %s, 30 FROM drift_metrics"
                " WHERE policy = 'shadow' LIMIT 1 ON CONFLICT (policy, strategy, subject, metric, session)"
                " DO UPDATE SET value = EXCLUDED.value",
                (subject, value),
            )
        found = connection.execute(
            "SELECT DISTINCT feature_drift_score FROM model_performance WHERE model_id = %s", (f"{NAME}:1",)
        ).fetchall()
    assert found == [(0.125,)]


def test_everything_reconciles(flown: Flown) -> None:
    result = reconcile(flown.settings)
    assert result.ok, result


def test_list(flown: Flown, run: Run) -> None:
    (one,) = json.loads(run("experiments", "list", "--json").out)
    assert (one["experiment"], one["status"], one["ratio"]) == ("exp-1", "stopped", 0.5)
    assert one["capital"] == {"control": 0.75, "arm": 0.25}
    assert "exp-1 on alpha: control linear-alpha:1, arm linear-alpha:2" in run("experiments", "list").out


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("exp-1", "--arm", f"{NAME}:2"), 1, "was used before (stopped)"),
        (("x", "--arm", f"{NAME}:8"), 1, "has no version 8"),
        (("x", "--arm", "unknown:1"), 1, "no model 'unknown'"),
        (("x", "--arm", NAME), 2, "name the version"),
        (("x", "--arm", f"{NAME}:2", "--ratio", "1"), 1, "ratio must be a number between 0 and 1"),
        (("x", "--arm", f"{NAME}:2", "--capital-arm", "0.6", "--capital-control", "0.6"), 1, "more than all"),
        (("x", "--arm", f"{NAME}:2", "--strategy", "beta"), 1, "no live model"),
        (("x", "--arm", f"{NAME}:4"), 1, "does not predict on 1m, 1s"),
        (("x", "--arm", f"{NAME}:2", "--effective-from", "noon"), 2, "--effective-from"),
    ],
)
def test_what_can_not_be_started_is_refused_and_nothing_is_written(
    flown: Flown, run: Run, arguments: tuple[str, ...], code: int, why: str
) -> None:
    before = list(topic_frames.messages(flown.settings, "control"))
    strategy = () if "--strategy" in arguments else ("--strategy", "alpha")
    found = run("experiments", "start", *arguments, *strategy)
    assert (found.code, found.out) == (code, "")
    assert why in found.err
    assert list(topic_frames.messages(flown.settings, "control")) == before


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("experiments", "stop", "exp-1"), "does not run any more: stopped"),
        (("experiments", "stop", "nope"), "no experiment 'nope' was started (there are: exp-1)"),
        (("experiments", "report", "nope"), "no experiment 'nope'"),
        (("models", "shadow", f"{NAME}:1", "--strategy", "alpha"), "it can't shadow itself"),
        (("models", "shadow", f"{NAME}:2", "--strategy", "alpha"), "shadows alpha already"),
        (("models", "shadow", f"{NAME}:2", "--strategy", "beta"), "no live model"),
        (("models", "shadow", f"{NAME}:8", "--strategy", "alpha"), "has no version 8"),
        (("models", "shadow", f"{NAME}:4", "--strategy", "alpha", "--stop"), "does not shadow alpha"),
        (("models", "shadow-report", "--strategy", "beta"), "no model shadowed strategy 'beta'"),
    ],
)
def test_other_refusals(flown: Flown, run: Run, arguments: tuple[str, ...], why: str) -> None:
    found = run(*arguments)
    assert (found.code, found.out) == (1, "")
    assert why in found.err


def test_shadows_stop_by_version_or_by_name(flown: Flown, run: Run) -> None:
    """The last test: it changes what is in force."""
    with running(flown.settings, "ingest", "features", "inference"):
        found = run("models", "shadow", f"{NAME}:2", "--strategy", "alpha", "--stop")
        assert found.code == 0, found.err
        assert "received by all 4 partitions" in found.out
        assert run("models", "shadow", f"{NAME}:2", "--strategy", "alpha", "--stop").code == 1
        found = run("models", "shadow", NAME, "--strategy", "alpha", "--stop", "--json")
        assert len(json.loads(found.out)["effective"]) == 4
    with pytest.raises(Exception, match="its shadows: none"):
        stop_shadow(flown.settings, "alpha", NAME, None, reason="")
