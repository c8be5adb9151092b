"""A verification as plain values, for ``--json``."""

from typing import Any

from pipeline.explanation.comparison import bits
from pipeline.verification.differences import RecordDifference
from schemas.times import iso
from signaltape.verification.text import COUNTED, statements
from signaltape.verification.verifying import Verification


def document(made: Verification) -> dict[str, Any]:
    """Everything that was compared and found."""
    question, plan = made.question, made.plan
    return {
        "verdict": made.verdict,
        "from": iso(question.start),
        "to": iso(question.end),
        "exact": plan.exact,
        "numerics": {
            stage: {"recorded": sorted(found), "own": plan.own[stage]} for stage, found in plan.numerics.items()
        },
        "partitions": [{"partition": one.partition, "begins": one.begins, "bars": one.bars} for one in made.starts],
        "feature_sets": [{"name": one.name, "version": one.version, "hash": one.hash} for one in plan.sets],
        "bars": made.bars,
        "bar_times": made.bar_times,
        "equal": {stage: made.equal.get(stage, 0) for stage in COUNTED},
        "within_tolerance_only": dict(made.near),
        "without_digest": dict(made.undigested),
        "digest_from_rows": dict(made.rebuilt),
        "rows_dropped": dict(made.dropped),
        "nothing_to_compare": dict(made.unproven),
        "recorded_fallbacks": dict(made.fallbacks),
        "waiting_predictions": dict(made.waiting),
        "messages_refused": made.refused,
        "bars_loaded_in_bulk": plan.loaded,
        "differing": made.apart,
        "differences": [_difference(one) for one in made.differences],
        "statements": list(statements(made)),
        "seconds": round(made.seconds, 3),
    }


def _difference(one: RecordDifference) -> dict[str, Any]:
    pair = {"recorded": one.recorded, "computed": one.computed}
    shown = {f"{name}_bits": bits(value) for name, value in pair.items() if isinstance(value, float)}
    return {
        "stage": one.stage,
        "symbol": one.symbol,
        "interval": one.interval,
        "event_time": one.event_time,
        "at": iso(one.event_time),
        "where": one.where,
        "name": one.name,
        **pair,
        **shown,
        "blame": one.blame,
        "text": str(one),
    }
