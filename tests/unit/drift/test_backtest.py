"""Backtests of policies: a small version of what docs/drift-policies.md reports, and the arithmetic of its tables."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from pipeline.drift.policies.classic import ClassicPolicy
from pipeline.drift.simulation.replay import Alarm, replay
from pipeline.drift.simulation.scaling import alarms_a_year, centres, factor_for
from pipeline.drift.simulation.scenario import sized
from pipeline.drift.simulation.summary import summarise
from pipeline.drift.simulation.trial import Noticed, Trial, strike
from pipeline.drift.simulation.world import FIRST, world
from signaltape.cli import app
from signaltape.drift.backtest import Plan, run
from signaltape.drift.rendering import plot
from tests.support.policies import CALIBRATED, CLASSIC

pytestmark = pytest.mark.unit
assert isinstance(CLASSIC, ClassicPolicy)
ONLY_IC = replace(CLASSIC, rules=tuple(rule for rule in CLASSIC.rules if rule.metric == "ic"), feature_rules=())


def test_calibrated_keeps_its_budget_and_finds_a_lost_ic() -> None:
    scenario = sized("market", names=500, sessions=756, lean=True)
    plan = Plan(scenario=scenario, models=2, seed=1, policies=(CALIBRATED,), faults=("ic_zero", "feature_shifted"))
    (summary,) = run(plan)
    # About 2 alarms are expected in these six years; a policy that has lost its margin raises about 15.
    assert summary.alarms * summary.model_years <= 7
    lost, shifted = (summary.faults[name] for name in plan.faults)
    assert lost.median is not None
    assert lost.median <= 40
    assert shifted.median is not None
    assert shifted.median <= 6


def test_a_replay_that_goes_on_from_a_state_is_one_that_never_stopped() -> None:
    one = world(sized("market", names=60, sessions=300), 2, 0)
    history = one.history()
    for policy in (CALIBRATED, CLASSIC):
        whole = replay(policy, one.reference, history.days(), keep=FIRST + 150)
        rest = replay(policy, one.reference, history.days(150), state=whole.state)
        assert rest.alarms == tuple(alarm for alarm in whole.alarms if alarm.session >= FIRST + 150)
    assert whole.alarms


def test_classic_is_scaled_to_its_budget_away_from_the_healthy_centre() -> None:
    histories = [world(sized("plain", names=60, sessions=504), 2, at).history() for at in range(3)]
    factor = factor_for(ONLY_IC, histories)
    middle = centres(histories)
    assert alarms_a_year(ONLY_IC, histories) > 20
    assert factor > 2
    scaled = ONLY_IC.scaled(factor, middle)
    assert alarms_a_year(scaled, histories) <= 1
    assert alarms_a_year(ONLY_IC.scaled(factor / 1.1, middle), histories) > 0
    by_name = {rule.name: rule.threshold for rule in scaled.rules}
    assert by_name["ic_negative_3_days"] == pytest.approx(middle["ic"] - factor * middle["ic"])
    assert ONLY_IC.scaled(1.0, middle) == ONLY_IC or np.allclose(
        [rule.threshold for rule in ONLY_IC.scaled(1.0, middle).rules], [rule.threshold for rule in ONLY_IC.rules]
    )


def test_scaling_by_kind_of_threshold() -> None:
    middle = {"ic": 0.04, "sharpe_20": 3.0}
    scaled = CLASSIC.scaled(2.0, middle)
    thresholds = {rule.name: rule.threshold for rule in (*scaled.rules, *scaled.feature_rules)}
    assert thresholds["ic_very_low"] == pytest.approx(-0.02)
    assert thresholds["sharpe_negative_5_days"] == pytest.approx(-3.0)
    assert thresholds["psi_shifted"] == pytest.approx(0.5)
    assert thresholds["features_ks"] == pytest.approx(0.0025)
    with pytest.raises(ValueError, match="sharpe_low_10_days: sharpe_20 has no centre"):
        CLASSIC.scaled(2.0, {"ic": 0.04})


def test_a_summary_counts_by_hand() -> None:
    def trial(alarms: int, delay: int | None, anyway: int | None) -> Trial:
        noticed = Noticed(delay=delay, by="" if delay is None else "r", anyway=anyway)
        return Trial(
            alarms=tuple(Alarm(session=at, rule="r", about=("ic",)) for at in range(alarms)),
            faults={"ic_halves": noticed},
        )

    trials = [trial(0, 10, None), trial(2, 20, 15), trial(4, 30, 200), trial(2, None, 5)]
    one = summarise("p", trials, years=2.0)
    assert (one.alarms, one.model_years, one.by_rule) == (1.0, 8.0, {"r": 1.0})
    assert one.error == pytest.approx(np.std([0, 1, 2, 1], ddof=1) / 2)
    fault = one.faults["ic_halves"]
    assert (fault.median, fault.ninety, fault.within_a_year, fault.anyway) == (20.0, None, 0.75, 0.5)
    assert fault.lost == pytest.approx((10 + 20 + 30 + 252) / 4 / 2)
    root = ET.fromstring(plot([one]))
    assert root.tag.endswith("svg")


def test_faults_strike_in_the_second_quarter_at_many_sessions() -> None:
    scenario = sized("market", names=500, sessions=1008)
    at = [strike(scenario, number) for number in range(300)]
    assert min(at) >= 252
    assert max(at) < 504
    assert len(set(at)) > 200


def test_the_command_prints_and_writes(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("out")
    options = ["drift", "backtest-policy", "--policy", "calibrated", "--years", "4", "--names", "40", "--json"]
    got = CliRunner().invoke(app, [*options, "--faults", "labels_delayed", "--out", str(folder)])
    assert got.exit_code == 0, got.output
    found = json.loads(got.stdout)
    assert found == json.loads((folder / "backtest.json").read_text())
    (policy,) = found["policies"]
    assert policy["model_years"] == 4.0
    assert policy["faults"]["labels_delayed"]["by"] == {"labels_missing": 1}
    assert (folder / "backtest.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    "options", [["--faults", "no_such"], ["--variant", "no_such"], ["--history"], ["--strategy", "s"], ["--names", "3"]]
)
def test_a_command_that_makes_no_sense_is_a_usage_error(options: list[str]) -> None:
    got = CliRunner().invoke(app, ["drift", "backtest-policy", "--policy", "calibrated", *options])
    assert got.exit_code == 2
