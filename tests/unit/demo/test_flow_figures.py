"""The demonstration's figures come from the reconciliation's lines, by their names."""

import pytest

from signaltape.demo.rendering import _metrics
from signaltape.demo.report import _flow
from signaltape.reconcile import Reconciliation
from signaltape.reconciliation.tally import Line

STAGES = (
    "features → table", "returns → table", "predictions → table", "signals → table", "alerts ↔ table",
    "newest vectors → Redis",
)  # fmt: skip


def figures() -> dict[str, object]:
    return {
        "bars_stored": 1, "features_stored": 2, "returns": {"1": 3}, "signals": {"rows": 5},
        "predictions": {"rows": 4, "by_status": {}, "by_outcome": {}}, "alerts": {"rows": 0, "by_rule": {}},
    }  # fmt: skip


def lines(*stages: str) -> Reconciliation:
    return Reconciliation(rows=tuple(Line(stage=stage, in_=7, out=6) for stage in stages))


def test_each_figure_is_its_line() -> None:
    flow = _flow(lines(*STAGES), figures(), 10)
    assert flow["bars"] == {"published": 10, "stored": 1}
    assert flow["features"] == {"published": 7, "stored": 2, "in_redis": 6, "in_redis_expected": 7}
    assert [flow[name]["published"] for name in ("predictions", "signals", "returns", "alerts")] == [7] * 4


@pytest.mark.parametrize("missing", STAGES)
def test_a_line_that_is_missing_is_no_zero(missing: str) -> None:
    with pytest.raises(KeyError, match=missing):
        _flow(lines(*(stage for stage in STAGES if stage != missing)), figures(), 10)


def test_of_many_drift_metrics_the_few_that_others_follow_from_are_shown() -> None:
    counts = {"feature_psi stable": 9_000, "ic excellent": 4, "ic insufficient": 2, "ic_mean_5 good": 5}
    assert _metrics(counts) == "ic excellent 4 · ic insufficient 2 · 9,005 others"
    assert _metrics({"psi stable": 1}) == "psi stable 1"
    assert _metrics({}) == "none"
