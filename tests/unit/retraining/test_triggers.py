"""Each trigger is shown to fire, and not to fire; too little data is neither."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.deployments import ModelRef
from pipeline.drift.metric import DriftMetric
from pipeline.retraining.alarmed import severe_alerts
from pipeline.retraining.decision import decide
from pipeline.retraining.degraded import degraded
from pipeline.retraining.drifted import drifted_features
from pipeline.retraining.facts import AlertRow, Baseline, Trigger
from pipeline.retraining.rules import RetrainingRules
from schemas.intervals import DAY

LIVE, RULES, LAST = ModelRef(name="sim", version=2), RetrainingRules(), 100
SERIES = "score/sim:2/1m/5/live"
BASELINE = Baseline(metric="cross_section_rank_ic", dataset="test", value=0.04)


def psi(
    name: str, value: float | None, session: int = LAST, interval: str = "1d", of: str = "sim:2", chance: float = 0.1
) -> DriftMetric:
    return DriftMetric(
        strategy="alpha", subject=f"feature/{of}/core:1/{interval}/{name}", metric="feature_psi", session=session,
        verdict="insufficient" if value is None else "measured", value=value, sample_size=500,
        detail={"chance": chance},
    )  # fmt: skip


def ics(values: list[float], subject: str = SERIES, last: int = LAST) -> list[DriftMetric]:
    first = last - len(values) + 1
    return [
        DriftMetric(
            strategy="alpha",
            subject=subject,
            metric="ic",
            session=first + at,
            verdict="good",
            value=value,
            sample_size=50,
        )
        for at, value in enumerate(values)
    ]


def around(mean: float, spread: float = 0.001, count: int = 20) -> list[float]:
    return [mean + spread * (-1) ** at for at in range(count)]


def alert(name: str = "a", severity: str = "severe", subject: str = SERIES, **changed: object) -> AlertRow:
    values: dict[str, object] = {"policy": "calibrated", "rule": "ic_fell", "session": LAST, **changed}
    return AlertRow(alert_id=name, severity=severity, subject=subject, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "verdict", "said"),
    [
        ([psi("a", 0.3), psi("b", 0.3), psi("c", 0.21), psi("d", 0.1)], "fired", "3 of 4 features"),
        ([psi("a", 0.3), psi("b", 0.3), psi("c", 0.2)], "quiet", "2 of 3"),  # the limit itself is no drift
        ([psi("a", 0.3, interval=one) for one in ("1m", "5m", "1d")], "quiet", "1 of 1"),  # one feature, thrice
        ([psi("a", 0.3), psi("b", 0.3), psi("c", 0.3, session=99)], "quiet", "2 of 2"),  # yesterday's is replaced
        ([psi("a", None), psi("b", None), psi("c", None)], "insufficient", "no PSI of a feature in 3 rows"),
        ([], "insufficient", "0 rows"),
        ([psi(one, 0.3, session=90) for one in "abc"], "insufficient", "10 sessions old"),
        ([psi(one, 0.3, of="sim:1") for one in "abc"], "insufficient", "in 0 rows"),  # another model
        ([psi(one, 0.3, of="sim:22") for one in "abc"], "insufficient", "in 0 rows"),
        ([psi("a", 0.3), psi("b", 0.3), psi("c", None), psi("d", 0.3)], "fired", "3 of 3"),
        ([psi(one, 0.3, chance=0.4) for one in "abcd"], "quiet", "0 of 4"),  # what so few names show by chance
        ([psi(one, 0.5, chance=0.4) for one in "abcd"], "fired", "4 of 4"),
    ],
)
def test_drifted_features(rows: list[DriftMetric], verdict: str, said: str) -> None:
    found = drifted_features(rows, LIVE, LAST, RULES)
    assert (found.verdict, said in found.detail) == (verdict, True), found


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0, 1), min_size=1))
def test_drifted_features_counts_what_is_above(values: dict[str, float]) -> None:
    rows = [psi(name, value) for name, value in values.items()]
    found = drifted_features(rows, LIVE, LAST, RULES)
    assert found.fired == (sum(value > 0.2 for value in values.values()) >= 3)
    assert drifted_features(rows[::-1], LIVE, LAST, RULES) == found


@pytest.mark.parametrize(
    ("values", "baseline", "verdict"),
    [
        (around(0.01), BASELINE, "fired"),
        (around(0.0375), BASELINE, "fired"),  # 6 % lost, and hardly any spread
        (around(0.0385), BASELINE, "quiet"),  # 4 % lost
        (around(0.05), BASELINE, "quiet"),  # better
        (around(0.01, spread=0.14), BASELINE, "quiet"),  # as noisy as 50 names: not beyond chance
        (around(0.01, count=9), BASELINE, "insufficient"),
        ([], BASELINE, "insufficient"),
        (around(0.01), None, "insufficient"),
        (around(-0.001, 1e-5), Baseline(metric="rank_ic", dataset="test", value=0.0), "fired"),
        (around(0.001, 1e-5), Baseline(metric="rank_ic", dataset="test", value=0.0), "quiet"),
        (around(-0.0205, 1e-5), Baseline(metric="rank_ic", dataset="test", value=-0.02), "quiet"),
        (around(-0.03, 1e-5), Baseline(metric="rank_ic", dataset="test", value=-0.02), "fired"),
        ([0.0] * 20, BASELINE, "insufficient"),  # a constant has no error that could be told
    ],
)
def test_degradation(values: list[float], baseline: Baseline | None, verdict: str) -> None:
    assert degraded(ics(values), LIVE, baseline, LAST, RULES).verdict == verdict


def test_degradation_looks_at_the_live_model_now() -> None:
    bad = around(0.0)
    for subject in ("score/sim:1/1m/5/live", "score/sim:2/1m/5/shadow", "score/sim:22/1m/5/live"):
        assert degraded(ics(bad, subject), LIVE, BASELINE, LAST, RULES).verdict == "insufficient"
    assert degraded(ics(bad, last=LAST - 8), LIVE, BASELINE, LAST, RULES).verdict == "insufficient"  # old
    two = ics(around(0.05), "score/sim:2/1d/5/live") + ics(bad)
    assert degraded(two, LIVE, BASELINE, LAST, RULES).evidence["subject"] == SERIES
    plain = RetrainingRules(confidence=0.0)
    assert degraded(ics(around(0.01, spread=0.14)), LIVE, BASELINE, LAST, plain).fired
    recovered = ics(around(0.0) + around(0.05))  # only the last 20 count
    assert not degraded(recovered, LIVE, BASELINE, LAST, RULES).fired


def test_overlapping_labels_ask_for_more_sessions() -> None:
    daily = "score/sim:2/1d/5/live"
    noise = np.random.default_rng(5).normal(0.0, 0.001, 60).tolist()
    assert degraded(ics(noise[:20], daily), LIVE, BASELINE, LAST, RULES).verdict == "insufficient"
    found = degraded(ics(noise, daily), LIVE, BASELINE, LAST, RULES)
    assert (found.verdict, found.evidence["sessions"]) == ("fired", 25)


@given(st.lists(st.floats(-0.2, 0.2), min_size=10, max_size=20), st.floats(-0.1, 0.1))
def test_degradation_fires_only_where_the_mean_has_lost(values: list[float], value: float) -> None:
    base = Baseline(metric="rank_ic", dataset="test", value=value)
    found = degraded(ics(values), LIVE, base, LAST, RULES)
    if found.fired:
        assert np.mean(values) < value - 0.05 * max(abs(value), 0.01)


@pytest.mark.parametrize(
    ("alerts", "answered", "fired"),
    [
        ([alert()], (), True),
        ([alert(severity="urgent")], (), True),
        ([alert(severity="warning"), alert("b", "info")], (), False),
        ([alert()], ("a",), False),
        ([alert(), alert("b")], ("a",), True),
        ([alert(session=3)], (), True),  # stored late, and new all the same
        ([alert(subject="score/sim:1/1m/5/live")], (), False),  # of the model before
        ([alert(subject="score/sim:22/1m/5/live")], (), False),
        ([alert(subject="features/core:1")], (), True),
        ([alert(subject="features/core:1", evidence={"model": "sim", "model_version": 1})], (), False),
        ([alert(policy="drill")], (), False),
        ([alert(policy="business", rule="no_signal", subject="signals/1m")], (), False),  # a feed stopped
        ([alert(policy="operations", subject="retraining")], (), False),
        ([alert(evidence={"drill": True})], (), False),
        ([], (), False),
    ],
)
def test_severe_alerts(alerts: list[AlertRow], answered: tuple[str, ...], fired: bool) -> None:
    assert severe_alerts(alerts, LIVE, answered, RULES).fired == fired


def mark(verdict: str) -> Trigger:
    return Trigger(name="t", verdict=verdict, detail="why")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verdicts", "forced", "days", "action", "said"),
    [
        (["quiet"], "", None, "quiet", "no trigger fired"),
        (["insufficient", "quiet"], "", None, "quiet", "too little data for t"),
        (["fired"], "", None, "run", "t: why"),
        (["fired"], "", 4.9, "held", "the next is due after 5"),
        (["fired"], "", 5.0, "run", "t: why"),
        (["quiet"], "new vendor", 0.1, "run", "forced: new vendor"),
    ],
)
def test_decision(verdicts: list[str], forced: str, days: float | None, action: str, said: str) -> None:
    now = 1_000 * DAY
    made = None if days is None else now - round(days * DAY)
    found = decide([mark(one) for one in verdicts], forced=forced, now=now, last_made=made, rules=RULES)
    assert (found.action, said in found.reason) == (action, True)


@pytest.mark.parametrize(
    "changed",
    [
        {"drifted_features": 0}, {"drifted_psi": math.nan}, {"minimum_sessions": 30}, {"confidence": 0.2},
        {"severity": "loud"}, {"degradation": 1.0}, {"cooldown_days": -1},
    ],
)  # fmt: skip
def test_rules_that_mean_nothing(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(changed))):
        RetrainingRules(**changed)  # type: ignore[arg-type]
