"""An explanation as plain values, for ``--json``; the text is made of the same ones."""

from dataclasses import asdict
from typing import Any

from pipeline.explanation.comparison import Difference, bits
from pipeline.explanation.facts import BarFact, CallFact, ControlFact, Moment, RowFact, SignalFact, VectorFact
from pipeline.explanation.row_reasons import RowReasons, merged_rows, told
from pipeline.explanation.terms import Term, in_force, router_terms
from pipeline.explanation.words import when
from schemas.predictions import DIRECTIONS
from signaltape.explanation.explain import Explanation
from signaltape.explanation.latency import latency


def document(made: Explanation) -> dict[str, Any]:
    """Everything that is known and computed about one bar of one symbol."""
    moment = made.gathered.moment
    return {
        "symbol": moment.symbol,
        "interval": moment.interval,
        "event_time": moment.event_time,
        "at": when(moment.event_time),
        "partition": moment.partition,
        "signal": None if moment.signal is None else _signal(moment.signal),
        "reasons": list(made.reasons),
        "bars": [_bar(one) for one in made.gathered.behind],
        "features": [_vector(one) for one in moment.vectors],
        "models": [_call(made, one) for one in moment.calls],
        "router": _router(made),
        "control": [_control(one) for one in in_force(moment.control)],
        "latency": latency(moment, made.published),
        "recomputation": _recomputation(made),
    }


def _signal(one: SignalFact) -> dict[str, Any]:
    return asdict(one.signal) | {"partition": one.partition, "topic_offset": one.topic_offset}


def _bar(one: BarFact) -> dict[str, Any]:
    return asdict(one) | {"at": when(one.event_time)}


def _vector(one: VectorFact) -> dict[str, Any]:
    return {
        "feature_set": one.feature_set,
        "set_version": one.set_version,
        "set_hash": one.set_hash,
        "values": dict(zip(one.names, one.values, strict=False)),
        "masked": [name for name, value in zip(one.names, one.values, strict=False) if value is None],
        "close": one.close,
        "available_time": one.available_time,
        "revision": one.revision,
        "numerics": one.numerics,
    }


def _call(made: Explanation, call: CallFact) -> dict[str, Any]:
    """One model call with the symbol's row, None where the call was about other symbols only."""
    row = next((one for one in made.gathered.moment.rows if one.key == call.key), None)
    known = made.known.terms.get(call.ref)
    return {
        "strategy": call.strategy,
        "role": call.role,
        "model": call.ref.name,
        "model_version": call.ref.version,
        "sha256": call.sha256,
        "feature_set": call.feature_set,
        "set_version": call.set_version,
        "set_hash": call.set_hash,
        "deadline_missed": call.deadline_missed,
        "breaker_open": call.breaker_open,
        "numerics": call.numerics,
        "model_latency_ns": call.model_latency_ns,
        "available": known is not None,
        "row": None if row is None else _row(made, row),
    }


def _row(made: Explanation, row: RowFact) -> dict[str, Any]:
    moment, known = made.gathered.moment, made.known
    reasons = RowReasons(moment=moment, deployments=known.deployments, options=known.options, terms=known.terms)
    return {
        "score": row.score,
        "score_bits": bits(row.score),
        "confidence": row.confidence,
        "confidence_bits": bits(row.confidence),
        "status": row.status,
        "direction": row.direction,
        "outcome": row.outcome,
        "horizon": row.horizon,
        "topic_offset": row.topic_offset,
        "terms": {name: _term(one) for name, one in reasons.terms_of(row).items()},
        "reasons": [] if row.role == "shadow" else reasons.of(row),
    }


def _term(one: Term) -> dict[str, Any]:
    value = list(one.value) if isinstance(one.value, tuple | frozenset) else one.value
    return {"value": value, "origin": one.origin, "control_offset": None if one.by is None else one.by.offset}


def _router(made: Explanation) -> dict[str, Any]:
    """The router's terms, what it merged, and the emission whose window was open or had been the last."""
    moment, known = made.gathered.moment, made.known
    terms = router_terms(known.deployments, known.options, moment.control)
    before = None
    if moment.before is not None:
        one = moment.before.signal
        until = one.event_time + int(terms["dedup_window_ns"].value)
        before = {
            "signal_id": one.signal_id,
            "signal": one.signal,
            "event_time": one.event_time,
            "window_until": until,
            "open": moment.event_time < until,
        }
    return {
        "name": known.options.name,
        "terms": {name: _term(one) for name, one in terms.items()},
        "emission_before": before,
        "merged": _merged(moment),
    }


def _merged(moment: Moment) -> dict[str, Any] | None:
    """What several rows became, and the weight of each: its confidence, or 1 where all confidences are 0."""
    both = merged_rows(moment.rows)
    if both is None:
        return None
    spoke = [one for one in moment.rows if one.outcome in ("emitted", "suppressed", "unchanged", "merged")]
    weights = [one.confidence for one in spoke]
    weights = weights if sum(weights) > 0.0 else [1.0] * len(spoke)
    rows = [
        {
            "strategy": one.strategy,
            "model": str(one.ref),
            "direction": one.direction,
            "weight": weight,
            "share": weight / sum(weights),
            "leads": one.outcome != "merged",
        }
        for one, weight in zip(spoke, weights, strict=True)
    ]
    return {
        "direction": DIRECTIONS[both.direction[0]],
        "score": float(both.score[0]),
        "confidence": float(both.confidence[0]),
        "rows": rows,
    }


def _control(one: ControlFact) -> dict[str, Any]:
    event = one.event
    return {
        "control_offset": one.offset,
        "event_id": event.event_id,
        "action": event.action,
        "strategy": event.strategy,
        "model": event.model,
        "model_version": event.model_version,
        "symbols": list(event.symbols),
        "parameters": event.parameters,
        "effective_from": event.effective_from,
        "effective_p": one.effective_p,
        "late": one.late,
        "issued_by": event.issued_by,
        "reason": event.reason,
        "text": told(one),
    }


def _recomputation(made: Explanation) -> dict[str, Any]:
    again = made.recomputed
    return {
        "verdict": made.verdict,
        "exact": again.exact,
        "begins": again.begins,
        "checked": list(again.checked),
        "differences": [_difference(one) for one in again.differences],
        "problems": [*again.problems, *([made.gathered.unread] if made.gathered.unread else [])],
        "honoured": list(again.honoured),
    }


def _difference(one: Difference) -> dict[str, Any]:
    pair = {"recorded": one.recorded, "computed": one.computed}
    shown = {f"{name}_bits": bits(value) for name, value in pair.items() if isinstance(value, float)}
    return {"stage": one.stage, "where": one.where, "name": one.name, **pair, **shown, "text": str(one)}
