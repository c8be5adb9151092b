"""One model call: score, fallback, direction, and how it is recorded."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np

from pipeline.deployments import Deployments, ModelRef, Share, Strategy
from pipeline.routing.decision import SKIPPED, decide
from pipeline.routing.dedup import NONE
from pipeline.routing.fallback import Scored, resolve
from pipeline.routing.model_port import Answer, ModelPort, ModelTerms, ModelUnavailable
from pipeline.routing.options import InferenceOptions
from pipeline.routing.router import Statement
from pipeline.routing.router_state import RouterState
from pipeline.routing.terms import filter_in_force, thresholds_in_force
from schemas.features import FeatureBatch
from schemas.fields import BoolArray, U1Array
from schemas.intervals import INTERVALS
from schemas.predictions import PredictionBatch


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Call:
    """One model's answer for a batch, or for the rows of it that the model serves (``batch`` holds only those).

    ``scale``: position scale that comes with the role. ``terms`` is None for a shadow that can't be loaded.
    """

    batch: FeatureBatch
    strategy: Strategy
    ref: ModelRef
    role: str
    scale: float = 1.0
    terms: ModelTerms | None
    answer: Answer
    scored: Scored
    direction: U1Array


#: (strategy, role, model, batch) → the answer that is recorded of this call where it isn't a function of the log: it
#: missed its deadline, failed, or was not asked. None: the model answered, so it is asked. May raise
#: ``ModelUnavailable`` for a model that could not be loaded then.
Recall = Callable[[str, str, ModelRef, FeatureBatch], Answer | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Predictor:
    """Calls the deployed models. ``state`` remembers what each said last; ``recall`` honours a record, in a replay."""

    models: ModelPort
    state: RouterState
    options: InferenceOptions
    recall: Recall | None = None

    def predict(self, batch: FeatureBatch, deployments: Deployments) -> list[Call]:
        """Call every deployed model that predicts from ``batch``: by strategy, the live one first, then the arm of its
        experiment, then its shadows.

        Live model and arm see the rows that they serve, shadows see all. Raises ``ModelUnavailable`` if a live model
        or an arm can't predict. A shadow that can't is recorded as skipped.
        """
        calls = []
        for strategy in deployments.strategies:
            for share in strategy.shares(batch.symbols):
                calls += self._ask(batch, strategy, share)
            for shadow in strategy.shadows:
                try:
                    calls += self._ask(batch, strategy, Share(ref=shadow, role="shadow"))
                except ModelUnavailable:
                    calls.append(_silent(batch, strategy, shadow))
        return calls

    def _ask(self, whole: FeatureBatch, strategy: Strategy, share: Share) -> list[Call]:
        ref = share.ref
        terms = self.models.terms(ref)
        if not terms.concerns(whole) or not (batch := _rows(whole, share.rows)).symbols:
            return []
        answer = None if self.recall is None else self.recall(strategy.name, share.role, ref, batch)
        if answer is None:
            answer = self.models.call(ref, batch)
        numbers = self.state.symbols.numbers(batch.symbols)
        last = self.state.last_of(ref, batch.interval)
        since = batch.event_time - self.options.fresh_bars * INTERVALS[batch.interval]
        scored = resolve(answer, terms, last, numbers, since)
        if answer.score is not None:
            last.remember(numbers, scored.score, batch.event_time)
        direction = decide(scored.score, scored.confidence, scored.status, thresholds_in_force(terms, strategy))
        return [
            Call(
                batch=batch, strategy=strategy, ref=ref, role=share.role, scale=share.scale, terms=terms,
                answer=answer, scored=scored, direction=direction,
            )
        ]  # fmt: skip


def _rows(batch: FeatureBatch, chosen: BoolArray | None) -> FeatureBatch:
    """Return a batch of the chosen rows. A row's score doesn't depend on which others are scored with it."""
    if chosen is None or chosen.all():
        return batch
    return replace(
        batch,
        symbols=tuple(compress(batch.symbols, chosen)),
        values=batch.values[chosen],
        valid=batch.valid[chosen],
        close=batch.close[chosen],
        available_time=batch.available_time[chosen],
    )


def _silent(batch: FeatureBatch, strategy: Strategy, ref: ModelRef) -> Call:
    rows = len(batch.symbols)
    status = np.full(rows, SKIPPED, dtype=np.uint8)
    return Call(
        batch=batch,
        strategy=strategy,
        ref=ref,
        role="shadow",
        terms=None,
        answer=Answer(score=None, confidence=None),
        scored=Scored(score=np.zeros(rows), confidence=np.zeros(rows), status=status),
        direction=np.zeros(rows, dtype=np.uint8),
    )


def statement(call: Call, deployments: Deployments, options: InferenceOptions) -> Statement:
    """Return what a call of a serving model says to the router."""
    if call.terms is None:
        raise ValueError(f"model {call.ref} gave no terms, so it can't speak to the router")
    batch, name = call.batch, call.strategy.name
    return Statement(
        strategy=name,
        model=call.ref.name,
        model_version=call.ref.version,
        horizon=call.terms.horizon,
        symbols=batch.symbols,
        score=call.scored.score,
        confidence=call.scored.confidence,
        status=call.scored.status,
        direction=call.direction,
        close=batch.close,
        scale=deployments.scale(name, batch.symbols) * call.scale,
        paused=deployments.paused(name, batch.symbols),
        row_filter=filter_in_force(options.router, call.strategy),
    )


def prediction_batch(call: Call, partition: int, outcome: U1Array | None) -> PredictionBatch:
    """Return the record of a call; ``outcome`` None for a shadow."""
    batch, terms = call.batch, call.terms
    return PredictionBatch(
        source_partition=partition,
        source_position=batch.link.position,
        strategy=call.strategy.name,
        model=call.ref.name,
        model_version=call.ref.version,
        model_sha256="" if terms is None else terms.sha256,
        role=call.role,
        feature_set=batch.feature_set,
        set_version=batch.set_version,
        set_hash=batch.set_hash,
        interval=batch.interval,
        horizon=0 if terms is None else terms.horizon,
        event_time=batch.event_time,
        model_latency=call.answer.elapsed_ns,
        deadline_missed=call.answer.deadline_missed,
        breaker_open=call.answer.breaker_open,
        shadows=_shadows_beside(call),
        experiment=_experiment(call),
        symbols=batch.symbols,
        score=call.scored.score,
        confidence=call.scored.confidence,
        status=call.scored.status,
        direction=call.direction,
        outcome=np.full(len(batch.symbols), NONE, dtype=np.uint8) if outcome is None else outcome,
        numerics=None if terms is None else terms.numerics,
    )


def _shadows_beside(call: Call) -> tuple[str, ...] | None:
    """Who is to predict the same rows as a shadow."""
    return None if call.role == "shadow" else tuple(map(str, call.strategy.shadows)) or None


def _experiment(call: Call) -> str | None:
    """The experiment that assigned a call's rows to its model."""
    running = call.strategy.experiment
    return None if call.role == "shadow" or running is None else running.name
