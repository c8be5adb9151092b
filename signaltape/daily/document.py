"""The report as plain values: what JSON, text and page have in common."""

from collections import Counter
from datetime import UTC, date, timedelta
from typing import Any

from schemas.alerts import SEVERITIES
from signaltape.daily.courses import courses, newest_stability
from signaltape.daily.facts import Facts, ModelState

_EPOCH = date(1970, 1, 1)
_LAST = ("ic", "ic_mean_5", "psi", "sharpe_20", "pnl", "feature_psi_max")


def day_of(session: int) -> date:
    """The date of a session day."""
    return _EPOCH + timedelta(days=session)


def document(facts: Facts, sessions: int) -> dict[str, Any]:
    """Everything that the report says. An empty database gives a report whose lists are empty and whose state is so."""
    today = [
        one for one in facts.alerts if (one.event_time - timedelta(microseconds=1)).date() == day_of(facts.session)
    ]
    worst = max((one.severity for one in today), key=SEVERITIES.index, default="")
    return {
        "session": day_of(facts.session).isoformat(),
        "made_at": facts.made_at.astimezone(UTC).isoformat(),
        "state": _state(facts, worst),
        "problems": list(facts.problems),
        "features": _features(facts),
        "models": [_model(facts, one) for one in facts.models],
        "drift": _drift(facts, sessions),
        "alerts": {
            "today": dict(Counter(one.severity for one in today)),
            "list": [_plain(one) for one in today],
            "window": [_plain(one) for one in facts.alerts],
        },
        "decisions": [{**_fields(one), "at": one.at.isoformat()} for one in facts.decisions],
    }


def _state(facts: Facts, worst: str) -> str:
    """One word for the day: nothing to say is said as such, never as fine."""
    if facts.problems:
        return "incomplete"
    if worst:
        return worst
    measured = [one for one in facts.metrics if one.session == facts.session]
    if not measured:
        return "no data"
    return "quiet" if any(one.value is not None for one in measured) else "insufficient"


def _features(facts: Facts) -> dict[str, Any]:
    stability = [
        {
            "strategy": strategy,
            "model": model,
            "session": day_of(session).isoformat(),
            "features": len(rows),
            "insufficient": sum(value is None for _, value in rows),
            "moved": sum(value is not None and 0.10 < value <= 0.25 for _, value in rows),
            "shifted": sum(value is not None and value > 0.25 for _, value in rows),
            "psi": [{"feature": name, "psi": value} for name, value in rows],
        }
        for (strategy, model, session), rows in sorted(newest_stability(facts.metrics).items())
    ]
    fresh = [{**_fields(one), "newest": one.newest and one.newest.isoformat()} for one in facts.features]
    return {
        "fresh": fresh, "bars": facts.bars, "marks": dict(facts.marks), "open_repairs": facts.open_repairs,
        "stability": stability,
    }  # fmt: skip


def _model(facts: Facts, one: ModelState) -> dict[str, Any]:
    age = None if one.made_at is None else round((facts.made_at - one.made_at).total_seconds() / 86_400, 2)
    live = round((facts.made_at - one.since).total_seconds() / 86_400, 2)
    times = {"since": one.since.isoformat(), "made_at": one.made_at and one.made_at.isoformat()}
    return {**_fields(one), **times, "shadows": list(one.shadows), "age_days": age, "live_days": live}


def _drift(facts: Facts, sessions: int) -> list[dict[str, Any]]:
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for row in facts.metrics:
        if row.session == facts.session and row.metric in _LAST:
            found = {"value": row.value, "verdict": row.verdict, "n": row.sample_size}
            if row.value is None:
                found["reason"] = row.detail.get("reason", "")
            last.setdefault((row.strategy, row.subject), {})[row.metric] = found
    return [
        {
            "strategy": one.strategy,
            "subject": one.subject,
            "today": last.get((one.strategy, one.subject), {}),
            "sessions": one.measured,
            "ic": [[day_of(at).isoformat(), value] for at, value in one.ic],
            "ic_band": [[day_of(at).isoformat(), *rest] for at, *rest in one.band],
            "equity": [[day_of(at).isoformat(), value] for at, value in one.equity],
        }
        for one in courses(facts.metrics, sessions)
    ]


def _fields(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}


def _plain(one: Any) -> dict[str, Any]:
    return {**_fields(one), "event_time": one.event_time.isoformat()}
