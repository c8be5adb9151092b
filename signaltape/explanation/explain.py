"""The question, and all parts of its answer."""

import string
from dataclasses import dataclass
from typing import Any

from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.warehouse import connect
from infra.warehouse.connection import Connection
from infra.warehouse.explanation import intervals_of, signals_like
from pipeline.explanation.reasons import Known, reasons
from pipeline.explanation.rerun import control_state
from pipeline.explanation.words import when
from pipeline.features import FEATURE_SETS
from schemas.intervals import INTERVALS, on_grid
from signaltape.explanation.errors import ExplanationError, QuestionError
from signaltape.explanation.gathering import Gathered, gather, with_dead_letters
from signaltape.explanation.published import Published, published
from signaltape.explanation.recomputing import Recomputed, recompute
from signaltape.explanation.recorded_calls import RecordedCalls

#: Bars shown beside the one asked about, where the sets say nothing else.
_BARS = 5
_ID = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """One bar of one symbol explained. ``reasons``: why there was no signal, or what was sent."""

    gathered: Gathered
    published: Published
    recomputed: Recomputed
    known: Known
    reasons: tuple[dict[str, Any], ...]

    @property
    def verdict(self) -> str:
        """``agrees``, ``differs``, ``not checked`` (something can't be had any more), ``nothing`` to check."""
        if self.recomputed.differences:
            return "differs"
        if self.recomputed.problems:
            return "not checked"
        return "agrees" if "features" in self.recomputed.checked else "nothing"


def explain_signal(settings: Settings, prefix: str) -> Explanation:
    """Explain the signal whose id begins with ``prefix``. Raises ExplanationError for none or several."""
    prefix = prefix.lower()
    if not prefix or len(prefix) > _ID or not set(prefix) <= set(string.hexdigits):
        raise ExplanationError(
            f"{prefix!r:.80} is not (the beginning of) a signal's id, which is {_ID} hexadecimal digits; to ask about "
            "a symbol, name the time too: signaltape explain SYMBOL --at TIME"
        )
    with connect(settings, name="signaltape-explain") as connection:
        found = signals_like(connection, prefix)
        if not found:
            raise ExplanationError(
                f"no stored signal has an id that begins with {prefix}; see `signaltape signals tail`"
            )
        if len(found) > 1:
            some = ", ".join(f"{one.signal_id} ({one.symbol} at {when(one.event_time)})" for one in found[:5])
            more = " and more" if len(found) > 5 else ""
            raise ExplanationError(f"several signals' ids begin with {prefix}: {some}{more}; give more digits")
        one = found[0]
        return _explain(connection, settings, (one.symbol, one.interval, one.event_time))


def explain_bar(settings: Settings, symbol: str, at: int, interval: str | None) -> Explanation:
    """Explain what became of a symbol's bar that closes ``at`` (ns UTC). Raises QuestionError, ExplanationError."""
    if interval is not None and interval not in INTERVALS:
        raise QuestionError(f"--interval {interval!r:.40} is not known; use one of {', '.join(INTERVALS)}")
    with connect(settings, name="signaltape-explain") as connection:
        known = intervals_of(connection, symbol)
        if interval is None:
            if len(known) > 1:
                raise QuestionError(f"bars of {symbol} are stored at {', '.join(known)}: say which with --interval")
            interval = known[0] if known else next((name for name in ("1m", "1d") if on_grid(name, at)), "1m")
        return _explain(connection, settings, (symbol, interval, at))


def _explain(connection: Connection, settings: Settings, named: tuple[str, str, int]) -> Explanation:
    """All facts come from one snapshot of the tables; broker and registry are asked afterwards."""
    warm_up = {(name, one.version): one.warm_up for name, one in FEATURE_SETS.items()
               if name in settings.engine.feature_sets}  # fmt: skip
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        gathered = gather(connection, settings, named, max([*warm_up.values(), _BARS - 1]) + 1)
    if gathered.moment.bar is None:
        gathered = with_dead_letters(settings, gathered)
    moment = gathered.moment
    told, models = published(settings, moment), RecordedCalls(ModelRegistry(settings), moment)
    again = recompute(connection, settings, gathered, told.bar, models)
    deployments = control_state(moment).in_force(moment.event_time)
    live = {ref for one in deployments.strategies for ref in one.serving}
    known = Known(
        deployments=deployments,
        options=settings.router.options(),
        terms=models.known(live | {row.ref for row in moment.rows}),
        bars=None if again.retraced is None else again.retraced.bars,
        awaiting=again.retraced is not None and again.retraced.awaiting,
        warm_up=warm_up,
    )
    return Explanation(gathered=gathered, published=told, recomputed=again, known=known, reasons=reasons(moment, known))
