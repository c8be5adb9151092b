"""How the guard's rows and states are shown."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infra.warehouse.guard import StepRow
    from signaltape.guarding import StrategyStatus


def row_line(row: "StepRow") -> str:
    """One decision as a line, with the gentler rungs that were passed over."""
    what = f"{row.rung}: {row.words}" if row.rung else f"no step ({row.code})"
    where = "" if row.control_offset is None else f" at control offset {row.control_offset}"
    drill = f" DRILL {row.drill}" if row.drill else ""
    passed = "".join(f"\n    not {rung}: {why}" for rung, why in row.passed_over)
    return (
        f"{row.decided_at:%Y-%m-%d %H:%M:%S}  {row.strategy}  {row.state}{where} [{row.mode}]{drill}  {what}"
        f"\n    because of {row.reason} (alert {row.alert_id}){passed}"
    )


def row_document(row: "StepRow") -> dict[str, Any]:
    """The same for JSON."""
    document = asdict(row)
    settled = None if row.settled_at is None else row.settled_at.isoformat()
    return document | {"decided_at": row.decided_at.isoformat(), "settled_at": settled}


def status_lines(one: "StrategyStatus") -> Iterator[str]:
    """A strategy's state in a few lines."""
    from pipeline.guard.decision import Step
    from schemas.times import iso

    yield f"{one.strategy}: {one.live or 'no model'}, position scale {one.position_scale:g}{', PAUSED' * one.paused}"
    if one.veto is not None:
        end = "until it is lifted" if one.veto.until is None else f"until {iso(one.veto.until)}"
        yield f"    veto of {one.veto.by_whom} {end}: {one.veto.reason}"
    step = one.following
    told = f"{step.effect.rung}: {step.effect.words}" if isinstance(step, Step) else f"no step: {step.reason}"
    yield f"    a severe alert now would lead to {told}"
    if one.last is not None:
        yield "    last: " + row_line(one.last).replace("\n", "\n    ")


def status_document(one: "StrategyStatus") -> dict[str, Any]:
    """The same for JSON."""
    from pipeline.guard.decision import Step

    step = one.following
    return {
        "strategy": one.strategy,
        "live": None if one.live is None else str(one.live),
        "position_scale": one.position_scale,
        "paused": one.paused,
        "veto": None if one.veto is None else asdict(one.veto),
        "next": {"rung": step.effect.rung, "words": step.effect.words}
        if isinstance(step, Step)
        else {"rung": None, "code": step.code, "reason": step.reason},
        "last": None if one.last is None else row_document(one.last),
    }
