"""Drift figures as text."""

from datetime import datetime, timedelta
from itertools import groupby

from infra.warehouse.drift_report import DriftDay, Missing
from infra.warehouse.drift_revisions import Revision

_COLUMNS = ("ic", "ic_mean_5", "psi", "feature_psi_max", "sharpe_20", "hit_rate", "pnl")
_TITLES = ("IC", "IC 5 d", "PSI", "feat. PSI", "Sharpe 20", "hit rate", "return")
_FORMS = ("+.4f", "+.4f", ".4f", ".4f", "+.2f", ".3f", "+.5f")


def report_text(days: list[DriftDay], missing: list[Missing]) -> str:
    """A table per series, and what its newest session has too little data for."""
    if not days:
        return "nothing has been measured yet: a session is measured once it has closed on every partition"
    out = []
    for (strategy, subject), group in groupby(days, key=lambda one: (one.strategy, one.subject)):
        out.append(f"{strategy}  {subject}")
        out.append("  " + f"{'session':10} " + " ".join(f"{title:>9}" for title in _TITLES) + "  alerts")
        out.extend(_line(day) for day in group)
        gaps = [one for one in missing if (one.strategy, one.subject) == (strategy, subject)]
        out.extend(f"  too little for {one.metric}: {one.reason} ({one.sample_size} observations)" for one in gaps)
        out.append("")
    return "\n".join(out).rstrip()


def _line(day: DriftDay) -> str:
    numbers = [_number(getattr(day, name), form) for name, form in zip(_COLUMNS, _FORMS, strict=True)]
    revised = day.ic_first is not None and day.ic != day.ic_first
    flags = [name for name, on in (("ic", day.ic_alert), ("psi", day.psi_alert), ("sharpe", day.sharpe_alert)) if on]
    note = " ".join(flags) + (f"  (IC revised from {day.ic_first:+.4f})" if revised else "")
    return f"  {day_of(day.session)} " + " ".join(f"{number:>9}" for number in numbers) + f"  {note}".rstrip()


def day_of(session: datetime) -> str:
    """Date of a session by its last instant, which is the next day's first."""
    return (session - timedelta(microseconds=1)).date().isoformat()


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def revisions_text(found: list[Revision]) -> str:
    """A line for each metric that changed."""
    if not found:
        return "nothing changed"
    out = [f"{'session':10} {'strategy':16} {'metric':22} {'first':>12} {'now':>12}  series"]
    for one in found:
        first, value = (
            f"{'insufficient' if each is None else format(each, '+.5f')}" for each in (one.first, one.value)
        )
        day = day_of(one.session)
        out.append(f"{day:10} {one.strategy:16} {one.metric:22} {first:>12} {value:>12}  {one.subject}")
    return "\n".join(out)
