"""What the page *Drift* computes by itself: labels that wait, histograms, the measured table."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.drift_policies import load_policy
from infra.settings import load_settings
from pipeline.drift.ledger import LabelLedger
from pipeline.drift.policies.classic import ClassicPolicy
from pipeline.drift.series import Series
from pipeline.feature_stats import BINS, EDGES
from schemas.features import ReturnBatch
from schemas.intervals import DAY, MINUTE
from schemas.link import Link
from signaltape.console.drift import firing
from signaltape.console.drift.agent_state import AgentState, SetCounts
from signaltape.console.drift.features import _histogram
from signaltape.console.drift.maturity import maturity
from signaltape.console.drift.policy import MEASURED
from signaltape.console.runbook.sections import runbook

pytestmark = pytest.mark.unit
SERIES = Series(strategy="s", model="m", version=1, role="live", interval="1m", horizon=2)
T0 = 100 * DAY + 600 * MINUTE


def test_labels_that_wait_are_counted_by_what_they_wait_for() -> None:
    ledger = LabelLedger()
    for bar in range(5):
        ledger.predictions(SERIES, T0 + bar * MINUTE, ("A", "B"), np.array([0.1, 0.2]))
    # Labels of A's first two predictions, and of B's first one; B's second never came.
    for symbol, bars in (("A", (0, 1)), ("B", (0,))):
        ledger.labels(
            ReturnBatch(
                link=Link(position=(0, 0), last_part=0, previous=None), interval="1m", horizon=2,
                event_time=T0 + 3 * MINUTE, available_time=T0 + 3 * MINUTE, kind="live",
                symbols=(symbol,) * len(bars), prediction_time=np.array([T0 + bar * MINUTE for bar in bars]),
                log_return=np.zeros(len(bars)),
            )
        )  # fmt: skip
    (row,) = maturity(AgentState(written_at=5, ledger=ledger))["series"]
    assert (row["waiting"], row["labelled"]) == (10, 3)
    # Two later bars have come for the predictions of the bars 0 to 2: B's of bar 1 and both of bar 2 have no label.
    assert row["overdue"] == 3
    assert (row["oldest"], row["newest"]) == (T0 + MINUTE, T0 + 4 * MINUTE)


def test_nothing_that_waits_is_no_row() -> None:
    assert maturity(AgentState(written_at=5, ledger=LabelLedger()))["series"] == []
    assert maturity(AgentState(written_at=None, problem="why"))["problem"] == "why"


def counts(**at: int) -> np.ndarray:
    made = np.zeros(BINS, np.int64)
    for place, count in at.items():
        made[int(place[1:])] = count
    return made


def test_a_histogram_joins_bins_as_psi_does_and_names_their_edges() -> None:
    reference, now = counts(b40=50, b41=50), counts(b39=10, b41=10)
    state = AgentState(
        written_at=1,
        sets={("core", 1, "1m"): SetCounts(names=("x", "y"), counts=np.stack([reference, now]), session=7)},
    )
    found = _histogram(reference, SERIES, "y", state)
    assert found is not None
    assert found["reference"] == [0, 0.5, 0.5, 0]
    assert found["now"] == [0.5, 0, 0.5, 0]
    assert found["edges"] == [EDGES[39], EDGES[40], EDGES[41]]
    assert found["session"] == 8 * DAY
    assert _histogram(reference, SERIES, "z", state) is None


def test_what_is_told_of_policies_is_what_was_measured() -> None:
    text = (Path(__file__).parents[3] / "docs/drift-policies.md").read_text()
    for variant, alarms, sessions, noticed in MEASURED["calibrated"]:
        assert f"| `{variant}` |" in text
        assert f"| {alarms} |" in text
        assert any(
            line.startswith(f"| `{variant}` | {sessions} |") and line.endswith(f"{noticed} |")
            for line in text.splitlines()
        ), variant
    ((_, alarms, sessions, noticed),) = MEASURED["classic"]
    row = next(line for line in text.splitlines() if line.startswith("| `ic_zero` | 18 "))
    assert f"| {sessions} · 3 · {noticed}" in row
    assert alarms in text


def test_the_runbook_says_what_to_do_about_every_rule_that_ships() -> None:
    found = runbook()
    for policy in ("calibrated", "classic"):
        rules = load_policy(policy)
        names = (
            [one.name for one in (*rules.rules, *rules.feature_rules)]
            if isinstance(rules, ClassicPolicy)
            else ("ic_fell", "labels_missing", "score_moved", "features_moved", "features_moved_widely")
        )
        for name in names:
            assert list(found[name])[:3] == ["Means", "Look at", "Do"], name
            assert all("](" not in said and said for said in found[name].values())


def test_what_fires_is_computed_once_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody: Any = None
    checkpoints = iter([None, None, (10, 1), (10, 1), (10, 2), (10, 2)])
    computed = iter([None, None, frozenset({("s", "score", "ic_fell")}), frozenset()])
    monkeypatch.setattr(firing, "state_size", lambda *_: next(checkpoints))
    monkeypatch.setattr(firing, "firing_rules", lambda *_: next(computed))
    rules = firing.FiringRules(load_settings())
    found = [rules.read(nobody) for _ in range(6)]
    assert found == [None, None, {("s", "score", "ic_fell")}, {("s", "score", "ic_fell")}, set(), set()]
