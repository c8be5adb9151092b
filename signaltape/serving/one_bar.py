"""What the live models say of one symbol's newest vector: the inference consumer's own steps, on one row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.deployments import Deployments, ModelRef, Strategy
from pipeline.engine_types import LatestVectors
from pipeline.routing.decision import OK
from pipeline.routing.dedup import FILTERED, PAUSED
from pipeline.routing.emission import BarPlace, build_signals
from pipeline.routing.model_port import ModelPort, ModelTerms
from pipeline.routing.options import InferenceOptions
from pipeline.routing.router_state import RouterState
from pipeline.routing.scoring import Call, Predictor, statement
from pipeline.routing.terms import rules_in_force
from schemas.features import FeatureBatch
from schemas.link import Link
from schemas.signals import Signal

#: Numbers a signal that was never sent.
NEVER_SENT = -1
#: (set, version) → vectors, each of one row.
Vectors = Mapping[tuple[str, int], LatestVectors]


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """``signal`` None where nothing passes; ``ok``: the leading model answered; ``code`` and ``reason`` where not."""

    signal: Signal | None
    ok: bool
    code: str = ""
    reason: str = ""
    scores: tuple[tuple[ModelRef, float], ...] = ()


def batch_of(vectors: LatestVectors, terms: ModelTerms, interval: str) -> FeatureBatch:
    """Vectors of one event time as a batch that the model behind ``terms`` takes."""
    position = int(vectors.source_offset[0]), 0
    return FeatureBatch(
        link=Link(position=position, last_part=0, previous=None),
        feature_set=terms.feature_set,
        set_version=terms.set_version,
        set_hash=terms.set_hash,
        width=vectors.values.shape[1],
        interval=interval,
        event_time=int(vectors.event_time[0]),
        kind="live",
        symbols=vectors.symbols,
        values=vectors.values,
        valid=vectors.valid,
        close=vectors.close,
        available_time=vectors.available_time,
    )


def say(
    models: ModelPort,
    options: InferenceOptions,
    deployments: Deployments,
    batches: Sequence[tuple[Strategy, FeatureBatch]],
    last: Mapping[ModelRef, tuple[int, float]],
) -> Said:
    """Ask each strategy's serving model about its batch (one row, all of one event time), and merge what they say.

    ``last``: a model's newest score before, (event time, score), for its fallback. Raises ``ModelUnavailable``.
    """
    state = RouterState()
    event_time, interval = batches[0][1].event_time, batches[0][1].interval
    numbers = state.symbols.numbers(batches[0][1].symbols)
    for ref, (time, score) in last.items():
        state.last_of(ref, interval).remember(numbers, np.array([score]), time)
    predictor = Predictor(models=models, state=state, options=options)
    calls: list[Call] = []
    for strategy, batch in batches:
        alone = replace(deployments, strategies=(replace(strategy, shadows=()),))
        calls += predictor.predict(batch, alone)
    statements = [statement(call, deployments, options) for call in calls]
    routed = state.router.route(statements, interval, event_time, rules_in_force(options.router, deployments))
    scores = tuple((call.ref, float(call.scored.score[0])) for call in calls if call.answer.score is not None)
    if routed.merged is None or not routed.sent.any():
        code, reason = _silence(calls, [int(outcome[0]) for outcome in routed.outcomes])
        return Said(signal=None, ok=False, code=code, reason=reason, scores=scores)
    place = BarPlace(
        router=options.router.name,
        interval=interval,
        event_time=event_time,
        source=(-1, batches[0][1].link.position[0]),
    )
    (signal,) = build_signals(routed, statements, place, NEVER_SENT)
    lead = calls[int(routed.merged.lead[0])]
    if lead.scored.status[0] == OK:
        return Said(signal=signal, ok=True, scores=scores)
    code, reason = _miss(lead)
    return Said(signal=signal, ok=False, code=code, reason=reason, scores=scores)


def _silence(calls: Sequence[Call], outcomes: Sequence[int]) -> tuple[str, str]:
    """Why nothing passed: the models' own silence first, then what held them back."""
    missed = [call for call in calls if call.answer.score is None]
    if len(missed) == len(calls):
        return _miss(missed[0])
    names = {outcome: calls[place].strategy.name for place, outcome in enumerate(outcomes)}
    if PAUSED in names:
        return "paused", f"strategy {names[PAUSED]!r} is paused for this symbol"
    return "filtered", f"the router's filter holds back what {names.get(FILTERED, calls[0].strategy.name)!r} says"


def _miss(call: Call) -> tuple[str, str]:
    model = f"model {call.ref} of strategy {call.strategy.name!r}"
    if call.answer.breaker_open:
        return "breaker_open", f"{model} kept missing and isn't asked at the moment"
    if call.answer.deadline_missed:
        return "deadline_missed", f"{model} did not answer in time ({call.answer.elapsed_ns / 1e6:.0f} ms)"
    return "unusable_output", f"{model} gave no usable number"
