"""The report's three forms over facts of every kind, down to none at all."""

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from infra.warehouse.daily import DayAlert, DayDecision
from pipeline.drift.metric import DriftMetric
from schemas.intervals import session_end
from signaltape.daily.courses import courses, newest_stability
from signaltape.daily.document import day_of, document
from signaltape.daily.facts import Facts, FeatureState, ModelState
from signaltape.daily.html import html
from signaltape.daily.text import text

SESSION = 19_800
NOW = datetime(2024, 3, 19, 6, 0, tzinfo=UTC)
SERIES = "score/sim:2/1m/5/live"


def metric(name: str, session: int, value: float | None, subject: str = SERIES) -> DriftMetric:
    verdict = "insufficient" if value is None else "good"
    return DriftMetric(
        strategy="alpha", subject=subject, metric=name, session=session, verdict=verdict, value=value, sample_size=50,
        detail={"reason": "too few names"} if value is None else {},
    )  # fmt: skip


def full() -> Facts:
    random = np.random.default_rng(4)
    days = range(SESSION - 39, SESSION + 1)
    metrics = [metric("ic", day, 0.03 + random.normal(0, 0.05)) for day in days]
    metrics += [metric("pnl", day, random.normal(0.001, 0.01)) for day in days]
    for at, value in enumerate((0.4, 0.12, 0.01, None)):
        metrics.append(metric("feature_psi", SESSION, value, f"feature/sim:2/core:1/1m/f<{at}>"))
    metrics.append(metric("psi", SESSION, None))
    end = datetime.fromtimestamp(session_end(SESSION) / 1e9, UTC)
    alerts = [
        DayAlert(alert_id=str(at), policy="calibrated", rule="ic_fell", severity=severity, strategy="alpha",
                 subject=SERIES, event_time=end - timedelta(days=at), message="<script>")
        for at, severity in enumerate(("severe", "warning", "urgent"))
    ]  # fmt: skip
    return Facts(
        session=SESSION, made_at=NOW, bars=1_000, marks={"spike": 2}, metrics=metrics, alerts=alerts,
        features=[FeatureState(feature_set="core:1", interval="1m", warm=5, warming=1, stale=0, newest=NOW)],
        models=[ModelState(strategy="alpha", live="sim:2", since=NOW - timedelta(days=3), made_at=None,
                           stage="production", shadows=["sim:3"], paused=True, baseline=0.05)],
        decisions=[DayDecision(at=NOW, kind="retraining", strategy="alpha", what="proposed", why="psi", by_whom="op")],
    )  # fmt: skip


def test_empty_installation_has_a_defined_report() -> None:
    found = document(Facts(session=SESSION, made_at=NOW), 60)
    assert found["state"] == "no data"
    said = text(found)
    for part in ("none stored yet", "no strategy has a live model", "nothing was measured", "Alerts\n  none"):
        assert part in said
    page = html(found, day_of(SESSION - 90)).decode()
    assert "Insufficient: nothing was measured." in page
    assert "<svg" not in page


def test_what_is_told() -> None:
    found = document(full(), 60)
    json.dumps(found, allow_nan=False)
    assert found["state"] == "severe"
    assert found["alerts"]["today"] == {"severe": 1}  # the other two are of earlier sessions
    (stability,) = found["features"]["stability"]
    assert (stability["shifted"], stability["moved"], stability["insufficient"]) == (1, 1, 1)
    assert found["drift"][0]["today"]["psi"] == {
        "value": None, "verdict": "insufficient", "n": 50, "reason": "too few names",
    }  # fmt: skip
    said = text(found)
    assert "psi insufficient (too few names, n=50)" in said
    assert "sim:2 live for 3.0 days, made elsewhere, production, shadows sim:3, PAUSED" in said


def test_page_is_self_contained_and_its_plots_are_sound() -> None:
    page = html(document(full(), 60), day_of(SESSION - 90)).decode()
    assert "<script" not in page
    assert 'src="' not in page
    pictures = [part.split("</svg>")[0] for part in page.split("<svg")[1:]]
    assert len(pictures) == 4  # PSI, IC, equity, alerts
    for one in pictures:
        for element in ET.fromstring(f"<svg{one}</svg>").iter():
            for name in ("x", "y", "cx", "cy", "x1", "y1"):
                assert -100 < float(element.get(name, 0)) < 1_000


def test_courses_against_plain_sums() -> None:
    facts = full()
    (course,) = courses(facts.metrics, 30)
    profits = [one.value or 0.0 for one in facts.metrics if one.metric == "pnl"][-30:]
    assert [value for _, value in course.equity] == pytest.approx(np.cumsum(profits).tolist())
    ics = [one.value or 0.0 for one in facts.metrics if one.metric == "ic"]
    at, low, mean, high = course.band[-1]
    assert (at, mean) == (SESSION, pytest.approx(np.mean(ics[-20:])))
    assert low < mean < high
    assert len(course.ic) == 30
    nothing = courses([metric("ic", SESSION, None)], 30)[0]
    assert (nothing.measured, nothing.ic, nothing.equity) == (1, [], [])


def test_a_feature_that_has_gone_is_not_todays() -> None:
    rows = [metric("feature_psi", SESSION - 1, 0.9, "feature/sim:2/core:1/1m/old"),
            metric("feature_psi", SESSION, 0.1, "feature/sim:2/core:1/1m/new")]  # fmt: skip
    assert newest_stability(rows) == {("alpha", "sim:2", SESSION): [("1m/new", 0.1)]}


@pytest.mark.parametrize(("value", "state"), [(0.05, "quiet"), (None, "insufficient")])
def test_too_little_data_is_never_quiet(value: float | None, state: str) -> None:
    facts = Facts(session=SESSION, made_at=NOW, metrics=[metric("ic", SESSION, value)])
    assert document(facts, 60)["state"] == state
