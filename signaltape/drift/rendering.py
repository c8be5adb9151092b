"""A backtest of drift policies as text and as plots."""

from collections.abc import Iterator, Sequence

from pipeline.drift.simulation.summary import Summary
from pipeline.drift.simulation.trial import A_YEAR
from signaltape.drift.stored import SeriesReplay
from signaltape.reports.curves import CurvePanel, curve_panels


def text(summaries: Sequence[Summary]) -> Iterator[str]:
    """Lines for the terminal."""
    for one in summaries:
        yield f"policy {one.policy}: {one.models:,} models, {one.model_years:,.0f} model-years"
        error = "" if one.error is None else f" ± {one.error:.3f} (standard error over models)"
        yield f"  alarms a year while nothing is wrong: {one.alarms:.3f}{error}, {one.review_hours:.1f} h of review"
        for rule, rate in one.by_rule.items():
            yield f"    {rule:32} {rate:8.3f}"
        if one.faults:
            yield f"  {'fault':28}{'median':>8}{'90 %':>8}{'in a year':>11}{'anyway':>8}{'IC days lost':>14}"
        for name, fault in one.faults.items():
            yield (
                f"  {name:28}{_sessions(fault.median):>8}{_sessions(fault.ninety):>8}{fault.within_a_year:>11.0%}"
                f"{fault.anyway:>8.0%}{fault.lost:>14.1f}"
            )
    if any(one.faults for one in summaries):
        yield (
            "sessions until an alarm, the first with the fault counted as 1; anyway: share of healthy twins with an "
            "alarm within the median; IC days lost: sessions times the share of the IC that the fault takes, at most "
            "a year"
        )


def history_text(found: Sequence[SeriesReplay]) -> Iterator[str]:
    """Lines for the terminal."""
    for one in found:
        yield f"policy {one.policy} on {one.subject}: {one.sessions:,} sessions, {len(one.alarms):,} alarms"
        for alarm in one.alarms:
            yield f"  session {alarm.session}: {alarm.rule}: {', '.join(alarm.about[:5])}"


def plot(summaries: Sequence[Summary]) -> str:
    """Share of the models whose fault was noticed, over sessions since it struck: a panel a fault."""
    panels = [
        CurvePanel(title=name, curves={one.policy: _curve(one.delays[name]) for one in summaries})
        for name in summaries[0].faults
    ]
    return curve_panels(panels, until=float(A_YEAR), label="share of faults noticed, over sessions since the fault")


def _curve(delays: Sequence[int | None]) -> list[tuple[float, float]]:
    seen = sorted(one for one in delays if one is not None)
    return [(float(delay), (at + 1) / len(delays)) for at, delay in enumerate(seen)]


def _sessions(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"
