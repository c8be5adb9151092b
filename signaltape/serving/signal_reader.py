"""``get_signal``: from the cache if it holds, else one inference under the deadline, else the fallback."""

import threading
import time
from dataclasses import dataclass, replace

from infra.online import OnlineStore, OnlineUnavailable, SignalCache
from infra.settings import Settings, load_settings
from pipeline.deployments import Deployments, ModelRef, Strategy
from pipeline.engine_types import LatestVectors
from pipeline.routing.model_port import ModelTerms, ModelUnavailable
from pipeline.routing.options import InferenceOptions
from pipeline.routing.position import suggested_position_of
from schemas.intervals import INTERVALS, SECOND
from schemas.names import MAX_NAME, is_name
from schemas.signals import Signal
from signaltape.serving.answers import CACHED, COMPUTED, FALLBACK, SignalAnswer
from signaltape.serving.choosing import ServedModels, served_by
from signaltape.serving.control_view import ControlView
from signaltape.serving.errors import ServingError
from signaltape.serving.last_words import LastWords
from signaltape.serving.one_bar import batch_of, say
from signaltape.serving.runtime import load_models


@dataclass(frozen=True, slots=True)
class _Live:
    """A strategy's serving model with its terms and the symbol's newest vector."""

    strategy: Strategy
    ref: ModelRef
    terms: ModelTerms
    vectors: LatestVectors


class _NothingToSay(Exception):
    """Nothing can be said, and why: ``code`` of ``CODES``."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class SignalReader:
    """Answers *what is the signal of this symbol now?* Safe to use from several threads.

        with SignalReader() as signals:
            answer = signals.get_signal("ACME", interval="1m")
            if answer.signal is not None:
                trade(answer.signal, answer.source)

    Needs Kafka to begin with (what is in force now), then Redis. ``models`` and ``view`` can be shared; those that
    the reader makes itself it closes. Raises OperatorError where the topics are missing.
    """

    def __init__(
        self, *, settings: Settings | None = None, models: ServedModels | None = None, view: ControlView | None = None
    ) -> None:
        self._settings = settings or load_settings()
        self._options = InferenceOptions(
            fresh_bars=self._settings.inference.fresh_bars, router=self._settings.router.options()
        )
        self._view = view or ControlView(self._settings)
        self._owns_view = view is None
        self._models = models
        self._lock = threading.Lock()
        self._cache, self._online = SignalCache(self._settings), OnlineStore(self._settings)
        self.last_words = LastWords()

    def get_signal(self, symbol: str, *, interval: str = "1m", now: int | None = None) -> SignalAnswer:
        """Return the signal of ``symbol``; the answer says where it comes from and how old it is.

        ``now`` (ns UTC): the instant to judge by, by default this machine's clock.

        1. While the strategies that speak for the symbol are paused, nothing is handed out.
        2. The newest signal that was sent, if it has not expired.
        3. Else the live models are asked about the newest features, under their deadline. Features so old that a
           signal made of them would have expired are refused.
        4. Where a model gives no answer its fallback does, if it has one.

        Raises ``ServingError`` for what can't be a symbol or an interval; what is away or missing is said in the
        answer.
        """
        _check(symbol, interval)
        instant = time.time_ns() if now is None else now
        partition = self._view.partition(symbol)
        blank = SignalAnswer(symbol=symbol, interval=interval, source=FALLBACK)
        try:
            held, stale = self._cache.find(symbol, interval, partition)
            if held is not None:
                answer = self._cached(replace(blank, stale=stale), held, partition, instant)
                if answer is not None:
                    return answer
            return self._computed(blank, held, partition, instant)
        except _NothingToSay as nothing:
            return replace(blank, code=nothing.code, reason=str(nothing))
        except ModelUnavailable as error:
            return replace(blank, code="model_unavailable", reason=str(error))
        except OnlineUnavailable as error:
            return replace(blank, code="store_unavailable", reason=str(error))

    def latest(self, limit: int, interval: str | None = None) -> list[Signal]:
        """The newest signals that were sent, newest first; raises OnlineUnavailable."""
        if interval is not None:
            _check("any", interval)
        return self._cache.latest(limit, (interval,) if interval else tuple(INTERVALS))

    def close(self) -> None:
        """Close the connections."""
        self._cache.close()
        self._online.close()
        if self._owns_view:
            self._view.close()

    def __enter__(self) -> "SignalReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _cached(self, blank: SignalAnswer, held: Signal, partition: int, now: int) -> SignalAnswer | None:
        """The signal in the cache, None if it doesn't hold any more or one of those who made it is paused."""
        if held.expires_at <= now:
            return None
        deployments = self._view.in_force(partition, max(now, held.event_time + 1))
        if any(deployments.paused(name, (held.symbol,))[0] for name in held.strategy.split("+")):
            return None
        return _with(blank, held, CACHED, now)

    def _computed(self, blank: SignalAnswer, held: Signal | None, partition: int, now: int) -> SignalAnswer:
        """What the models say of the newest features, unless they are paused.

        As for what was sent, pauses count that act on the bar after the features' own: bars can be ahead of the clock.
        """
        deployments = self._view.in_force(partition, now)
        try:
            asked = self._vectors(deployments, blank.symbol, blank.interval)
        except (_NothingToSay, ModelUnavailable):
            _refuse_silent(deployments, blank.symbol)
            raise
        next_bar = int(asked[0].vectors.event_time[0]) + 1
        if next_bar > now:
            deployments = self._view.in_force(partition, next_bar)
            asked = self._vectors(deployments, blank.symbol, blank.interval)
        _refuse_silent(deployments, blank.symbol)
        return self._ask(replace(blank, stale=self._online.is_stale()), deployments, asked, (held, now))

    def _vectors(self, deployments: Deployments, symbol: str, interval: str) -> list[_Live]:
        """The live models that predict from this interval, with the symbol's vectors, all of the newest bar."""
        models = self._runtime()
        serving = [(strategy, served_by(strategy, symbol)) for strategy in deployments.strategies]
        asked = [(strategy, share.ref, models.terms(share.ref)) for strategy, share in serving if share is not None]
        asked = [one for one in asked if interval in one[2].intervals]
        if not asked:
            raise _NothingToSay("no_live_model", f"no live model predicts from {interval} bars")
        sets = sorted({(terms.feature_set, terms.set_version) for _, _, terms in asked})
        vectors = {key: self._online.read(*key, interval, [symbol]) for key in sets}
        found = [
            _Live(strategy, ref, terms, row)
            for strategy, ref, terms in asked
            if (row := vectors[terms.feature_set, terms.set_version]).symbols
        ]
        if not found:
            names = ", ".join(f"{name} v{version}" for name, version in sets)
            what = f"no vector of {names} is known for this symbol at {interval}: unknown, or still warming up"
            raise _NothingToSay("no_features", what)
        newest = max(int(one.vectors.event_time[0]) for one in found)
        return [one for one in found if one.vectors.event_time[0] == newest]

    def _ask(
        self,
        blank: SignalAnswer,
        deployments: Deployments,
        live: list[_Live],
        known: tuple[Signal | None, int],
    ) -> SignalAnswer:
        held, now = known
        closed = int(live[0].vectors.event_time[0])
        blank = replace(blank, age_s=(now - closed) / SECOND)
        fresh = [one for one in live if closed + one.terms.horizon * INTERVALS[blank.interval] > now]
        if not fresh:
            return replace(
                blank,
                code="stale_features",
                reason=f"the newest features are {blank.age_s:,.0f} s old: a signal made of them would have expired",
            )
        batches = [(one.strategy, batch_of(one.vectors, one.terms, blank.interval)) for one in fresh]
        last = {one.ref: word for one in fresh if (word := self._last(one.ref, blank, held)) is not None}
        said = say(self._runtime(), self._options, deployments, batches, last)
        for ref, score in said.scores:
            self.last_words.remember(ref, blank.interval, {blank.symbol: (closed, score)})
        if said.signal is None:
            return replace(blank, code=said.code, reason=said.reason)
        answer = _with(blank, said.signal, COMPUTED if said.ok else FALLBACK, now)
        return replace(answer, code=said.code, reason=said.reason)

    def _last(self, ref: ModelRef, blank: SignalAnswer, held: Signal | None) -> tuple[int, float] | None:
        """What a model said last of this symbol: here, or in the newest signal that was its own word."""
        known = self.last_words.recall(ref, blank.interval, blank.symbol)
        if held is not None and held.models == (str(ref),) and held.reason == "live":
            sent = held.event_time, held.score
            known = sent if known is None else max(known, sent)
        return known

    def _runtime(self) -> ServedModels:
        """The models; the runtime is loaded with the first question that needs it."""
        with self._lock:
            if self._models is None:
                self._models = load_models(self._settings)
            return self._models


def _check(symbol: str, interval: str) -> None:
    if interval not in INTERVALS:
        known = ", ".join(INTERVALS)
        raise ServingError(
            "unknown_interval", f"interval {interval!r:.40} is not known; use one of {known}", "interval"
        )
    if not is_name(symbol) or not _is_text(symbol):
        raise ServingError("invalid_symbol", f"a symbol has 1 to {MAX_NAME} characters without NUL", "symbol")


def _is_text(symbol: str) -> bool:
    """False for half of a surrogate pair, which no partitioner can hash."""
    try:
        symbol.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_silent(deployments: Deployments, symbol: str) -> None:
    """Raise where no model is live, or every strategy with one is paused for the symbol."""
    live = [strategy.name for strategy in deployments.strategies if strategy.live is not None]
    if not live:
        raise _NothingToSay("no_live_model", "no model is live")
    if all(deployments.paused(name, (symbol,))[0] for name in live):
        names = ", ".join(map(repr, live))
        raise _NothingToSay("paused", f"strategy {names} is paused for this symbol")


def _with(blank: SignalAnswer, signal: Signal, source: str, now: int) -> SignalAnswer:
    return replace(
        blank,
        source=source,
        signal=signal,
        age_s=(now - signal.event_time) / SECOND,
        suggested_position=suggested_position_of(signal.signal, signal.confidence, signal.position_scale),
    )
