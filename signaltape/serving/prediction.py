"""Predictions on demand: of feature values, of symbols by their newest vectors, of recent bars.

The model is called as the inference consumer calls it: the same runtime, chunks of 256, deadline and fallback.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from infra.online import OnlineStore
from pipeline.deployments import Deployments, ModelRef
from pipeline.engine_types import LatestVectors
from pipeline.routing.decision import SKIPPED, decide
from pipeline.routing.fallback import LastScores, Scored, resolve
from pipeline.routing.model_port import Answer
from pipeline.routing.position import suggested_position
from pipeline.routing.terms import thresholds_in_force
from schemas.intervals import INTERVALS, SECOND
from schemas.predictions import DIRECTIONS, STATUSES
from signaltape.serving.choosing import Chosen, ServedModels, Wanted, choose
from signaltape.serving.control_view import ControlView
from signaltape.serving.errors import ServingError
from signaltape.serving.feature_rows import FeatureValues, beyond_float32, feature_rows
from signaltape.serving.last_words import LastWords
from signaltape.serving.one_bar import batch_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """One row's answer.

    ``prediction``: expected log return over ``horizon`` bars; ``confidence``: probability that its sign is right;
    ``suggested_position``: share of the capital in [-1, 1] (``pipeline.routing.position``), 0 under a pause. None
    where nothing can be said; ``code`` and ``reason`` say why. ``status``: ok, fallback, default or skipped.
    ``age_s``: seconds since the bar's close.
    """

    symbol: str | None
    prediction: float | None
    confidence: float | None
    direction: str | None
    suggested_position: float | None
    status: str
    model: str
    strategy: str
    horizon: int
    interval: str
    event_time: int | None = None
    age_s: float | None = None
    paused: bool = False
    latency_ms: float | None = None
    code: str = ""
    reason: str = ""


class Predictions:
    """Answers predictions on demand; safe to use from several threads.

    Raises ``ServingError`` for what can't be answered, naming the field; ``ModelUnavailable``, ``OnlineUnavailable``.
    """

    def __init__(
        self, *, models: ServedModels, view: ControlView, online: OnlineStore, last_words: LastWords, fresh_bars: int
    ) -> None:
        self._models, self._view, self._online = models, view, online
        self._last_words, self._fresh_bars = last_words, fresh_bars

    def chosen(self, wanted: Wanted, symbol: str = "") -> Chosen:
        """The model that answers for a symbol, or for rows without one."""
        return choose(self._deployments(symbol), wanted, self._models, symbol)

    def of_features(self, rows: Sequence[FeatureValues], wanted: Wanted) -> list[Prediction]:
        """One prediction for each row; every input of the model must be named, None where it is undefined."""
        chosen = self.chosen(wanted)
        vectors = feature_rows(rows, chosen.terms, self._models.manifest(chosen.ref).features)
        return self._predict(chosen, vectors, supplied=True)

    def of_symbols(self, symbols: Sequence[str], wanted: Wanted) -> list[Prediction]:
        """One prediction for each symbol, of its newest vector in Redis; one so old that it expired is refused."""
        groups: dict[tuple[str, ModelRef], tuple[Chosen, list[str]]] = {}
        for symbol in dict.fromkeys(symbols):
            chosen = self.chosen(wanted, symbol)
            groups.setdefault((chosen.strategy.name, chosen.ref), (chosen, []))[1].append(symbol)
        found: dict[str | None, Prediction] = {}
        for chosen, members in groups.values():
            terms = chosen.terms
            vectors = self._online.read(terms.feature_set, terms.set_version, chosen.interval, members)
            found |= {one.symbol: self._unless_old(one) for one in self._predict(chosen, vectors)}
            for symbol in members:
                what = "no vector of this symbol is known: unknown, or still warming up"
                found.setdefault(symbol, _nothing(chosen, symbol, "no_features", what))
        return [found[symbol] for symbol in symbols]

    def of_vector(self, vector: LatestVectors, chosen: Chosen) -> Prediction:
        """The prediction of one vector that the caller has computed, however old it is."""
        if beyond_float32(vector.values[vector.valid]).any():
            raise ServingError("out_of_range", "a feature of these bars is beyond what a model can take", "bars")
        return self._predict(chosen, vector, supplied=True)[0]

    def _deployments(self, symbol: str, closed: int = 0) -> Deployments:
        """What is in force for a symbol now, or for a bar after ``closed`` where that is ahead of the clock."""
        return self._view.in_force(self._view.partition(symbol) if symbol else 0, max(time.time_ns(), closed + 1))

    def _predict(self, chosen: Chosen, vectors: LatestVectors, *, supplied: bool = False) -> list[Prediction]:
        if not vectors.symbols:
            return []
        name, terms, now = chosen.strategy.name, chosen.terms, time.time_ns()
        deployments = self._deployments(vectors.symbols[0], int(vectors.event_time.max()))
        answer = self._models.call(chosen.ref, batch_of(vectors, terms, chosen.interval), supplied=supplied)
        scored = self._scored(answer, chosen, vectors)
        thresholds = thresholds_in_force(terms, chosen.strategy)
        direction = decide(scored.score, scored.confidence, scored.status, thresholds)
        paused = deployments.paused(name, vectors.symbols)
        scale = np.where(paused, 0.0, deployments.scale(name, vectors.symbols) * chosen.scale)
        position = suggested_position(direction, scored.confidence, scale)
        code, reason = _miss(answer, chosen)
        said = (scored.status != SKIPPED).tolist()
        columns = zip(
            vectors.symbols, scored.score.tolist(), scored.confidence.tolist(), direction.tolist(), position.tolist(),
            scored.status.tolist(), vectors.event_time.tolist(), paused.tolist(), said, strict=True,
        )  # fmt: skip
        return [
            Prediction(
                symbol=symbol if closed else None,
                prediction=score if spoke else None,
                confidence=confidence if spoke else None,
                direction=DIRECTIONS[way] if spoke else None,
                suggested_position=share if spoke else None,
                status=STATUSES[status],
                model=str(chosen.ref),
                strategy=name,
                horizon=terms.horizon,
                interval=chosen.interval,
                event_time=closed or None,
                age_s=(now - closed) / SECOND if closed else None,
                paused=held,
                latency_ms=answer.elapsed_ns / 1e6,
                code=code,
                reason=reason,
            )
            for symbol, score, confidence, way, share, status, closed, held, spoke in columns
        ]

    def _scored(self, answer: Answer, chosen: Chosen, vectors: LatestVectors) -> Scored:
        """What the model says or, where it gave no answer, its fallback; what it says is remembered for that."""
        numbers, times, last = np.arange(len(vectors.symbols)), vectors.event_time, LastScores()
        known = times > 0  # rows of a bar; values that somebody sent have none
        if answer.score is None:
            for row in np.flatnonzero(known).tolist():
                word = self._last_words.recall(chosen.ref, chosen.interval, vectors.symbols[row])
                if word is not None:
                    last.remember(numbers[row : row + 1], np.array([word[1]]), word[0])
        else:
            score = answer.score.tolist()
            words = {vectors.symbols[row]: (int(times[row]), score[row]) for row in np.flatnonzero(known).tolist()}
            self._last_words.remember(chosen.ref, chosen.interval, words)
        since = int(times.max()) - self._fresh_bars * INTERVALS[chosen.interval]
        return resolve(answer, chosen.terms, last, numbers, since)

    def _unless_old(self, one: Prediction) -> Prediction:
        if one.age_s is None or one.age_s * SECOND < one.horizon * INTERVALS[one.interval]:
            return one
        return replace(
            one,
            prediction=None,
            confidence=None,
            direction=None,
            suggested_position=None,
            status=STATUSES[SKIPPED],
            code="stale_features",
            reason=f"the newest features are {one.age_s:,.0f} s old: what they say would have expired",
        )


def _nothing(chosen: Chosen, symbol: str, code: str, reason: str) -> Prediction:
    return Prediction(
        symbol=symbol,
        prediction=None,
        confidence=None,
        direction=None,
        suggested_position=None,
        status=STATUSES[SKIPPED],
        model=str(chosen.ref),
        strategy=chosen.strategy.name,
        horizon=chosen.terms.horizon,
        interval=chosen.interval,
        code=code,
        reason=reason,
    )


def _miss(answer: Answer, chosen: Chosen) -> tuple[str, str]:
    if answer.score is not None:
        return "", ""
    if answer.breaker_open:
        return "breaker_open", f"model {chosen.ref} kept missing and isn't asked at the moment"
    if answer.deadline_missed:
        return "deadline_missed", f"model {chosen.ref} did not answer in time ({answer.elapsed_ns / 1e6:.0f} ms)"
    return "unusable_output", f"model {chosen.ref} gave no usable number"
