"""What became of each model's row, and by which term: skipped, filtered, paused, merged, suppressed, unchanged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.deployments import Deployments, ModelRef, Strategy
from pipeline.explanation.facts import CallFact, ControlFact, Moment, RowFact
from pipeline.explanation.terms import Term, pause_of, router_terms, strategy_terms
from pipeline.explanation.words import reason, span, when
from pipeline.routing.merging import Claim, Merged, merge
from pipeline.routing.model_port import ModelTerms
from pipeline.routing.options import RouterOptions
from schemas.predictions import DIRECTIONS

#: Outcomes that speak for all models merged at a bar: they stand at the leading row.
_LEADING = ("emitted", "suppressed", "unchanged")


@dataclass(frozen=True, kw_only=True, slots=True)
class RowReasons:
    """Reasons of the rows of one moment."""

    moment: Moment
    deployments: Deployments
    options: RouterOptions
    terms: Mapping[ModelRef, ModelTerms]

    def all(self) -> list[dict[str, Any]]:
        """Reasons of all rows that could have made a signal: the leading one's first, shadows left out."""
        rows = [one for one in self.moment.rows if one.role != "shadow"]
        rows.sort(key=lambda one: one.outcome not in _LEADING)
        found = [said for row in rows for said in self.of(row)]
        if not rows:
            found.append(reason("no_model", "only shadows predicted: no model was live for this symbol"))
        return found

    def of(self, row: RowFact) -> list[dict[str, Any]]:
        """Reasons of one row: what the router did with it, then why it says what it says."""
        said = [self._outcome(row), *self._direction(row)]
        return [one | {"strategy": row.strategy, "model": str(row.ref)} for one in said]

    def terms_of(self, row: RowFact) -> Mapping[str, Term]:
        """Thresholds and filters of a row's strategy, with their origin."""
        name = row.strategy
        strategy = next((one for one in self.deployments.strategies if one.name == name), Strategy(name=name))
        return strategy_terms(strategy, self.terms.get(row.ref), self.options, self.moment.control)

    def _outcome(self, row: RowFact) -> dict[str, Any]:
        match row.outcome:
            case "emitted":
                return self._emitted(row)
            case "filtered":
                return self._filtered(row)
            case "paused":
                return self._paused(row)
            case "merged":
                return self._merged(row)
            case "suppressed" | "unchanged":
                return self._repeated(row)
            case _:
                return self._skipped(row)

    def _emitted(self, row: RowFact) -> dict[str, Any]:
        both = merged_rows(self.moment.rows)
        if both is None:
            return reason("emitted", f"{row.direction} was sent")
        said = DIRECTIONS[both.direction[0]]
        if said == row.direction:
            return reason("emitted", f"{said} was sent for the models together; this row leads by confidence")
        text = f"{said} was sent: no direction has more than two thirds of the models' confidence"
        return reason("emitted", text if said == "flat" else f"{said} was sent for the models together")

    def _skipped(self, row: RowFact) -> dict[str, Any]:
        call = next((one for one in self.moment.calls if one.key == row.key), None)
        why = _miss(call)
        return reason("skipped", f"the model gave no answer ({why}) and its fallback says nothing", why=why)

    def _filtered(self, row: RowFact) -> dict[str, Any]:
        terms, symbol = self.terms_of(row), self.moment.symbol
        needed, symbols = terms["filter_confidence"], terms["symbols"]
        if row.confidence < float(needed.value):
            text = f"confidence {row.confidence:.6g} is below filter_confidence {needed.value:g}"
            return reason("filtered_confidence", text + _origin(needed), limit=needed.value)
        if row.direction not in terms["directions"].value:
            allowed = ", ".join(terms["directions"].value)
            text = f"direction {row.direction} is not among those let through ({allowed})"
            return reason("filtered_direction", text + _origin(terms["directions"]))
        if symbol in terms["blocked_symbols"].value:
            return reason("filtered_symbol", f"{symbol} is blocked" + _origin(terms["blocked_symbols"]))
        text = f"{symbol} is not on the list of {len(symbols.value)} symbols"
        return reason("filtered_symbol", text + _origin(symbols))

    def _paused(self, row: RowFact) -> dict[str, Any]:
        event = pause_of(self.deployments, row.strategy, self.moment.symbol, self.moment.control)
        if event is None:
            return reason("paused", "signals were paused")
        text = f"signals were paused by control event {event.offset} ({told(event)})"
        return reason("paused", text, control_offset=event.offset, effective=event.effective_p)

    def _merged(self, row: RowFact) -> dict[str, Any]:
        lead = next((one for one in self.moment.rows if one.outcome in _LEADING), None)
        if lead is None:
            return reason("merged", "merged into another model's row")
        text = f"merged with the row of {lead.strategy} ({lead.ref}), which leads by confidence and was {lead.outcome}"
        return reason("merged", text, lead=str(lead.ref))

    def _repeated(self, row: RowFact) -> dict[str, Any]:
        before = self.moment.before
        if before is None:
            return reason(row.outcome, f"{row.outcome}; the emission before it is not stored any more")
        told_, rules = before.signal, router_terms(self.deployments, self.options, self.moment.control)
        opened = {"signal_id": told_.signal_id, "opened_at": told_.event_time}
        both = merged_rows(self.moment.rows)
        again = "" if both is None else f"the models together say {DIRECTIONS[both.direction[0]]}; "
        emission = f"{again}{told_.signal} was sent at {when(told_.event_time)} as {told_.signal_id}"
        if row.outcome == "unchanged":
            return reason("unchanged", f"{emission}; emit is on_change" + _origin(rules["emit"]), **opened)
        window = rules["dedup_window_ns"]
        until = told_.event_time + int(window.value)
        text = f"{emission}: its window of {span(int(window.value))}{_origin(window)} lasts until {when(until)}"
        return reason("suppressed", text, **opened, until=until, window_ns=int(window.value))

    def _direction(self, row: RowFact) -> list[dict[str, Any]]:
        """Why the row says flat, where it does."""
        if row.direction != "flat" or row.status == "skipped":
            return []
        terms = self.terms_of(row)
        if not {"long", "short", "min_confidence"} <= set(terms):
            return []
        least, long, short = terms["min_confidence"], terms["long"], terms["short"]
        if row.status == "ok" and row.confidence < float(least.value):
            text = f"flat, because confidence {row.confidence:.6g} is below min_confidence {least.value:g}"
            return [reason("below_confidence", text + _origin(least), limit=least.value)]
        text = (
            f"flat, because the score {row.score:.6g} lies between short {short.value:g}{_origin(short)} and long "
            f"{long.value:g}{_origin(long)}"
        )
        return [reason("flat", text, long=long.value, short=short.value)]


def merged_rows(rows: Sequence[RowFact]) -> Merged | None:
    """What the rows that spoke were merged into, None where fewer than two did."""
    spoke = [one for one in rows if one.outcome in (*_LEADING, "merged")]
    if len(spoke) < 2:
        return None
    return merge(
        [
            Claim(
                symbols=("",),
                rows=np.zeros(1, dtype=np.int64),
                direction=np.array([DIRECTIONS.index(one.direction)], dtype=np.uint8),
                score=np.array([one.score]),
                confidence=np.array([one.confidence]),
            )
            for one in spoke
        ]
    )


def told(one: ControlFact) -> str:
    """A control event in words: what, by whom, from when, why."""
    event = one.event
    subject = ", ".join(event.symbols) or event.strategy or "everything"
    why = f": {event.reason}" if event.reason else ""
    return f"{event.action} of {subject} by {event.issued_by}, from {when(one.effective_p)}{why}"


def _origin(term: Term) -> str:
    return f" (control event {term.by.offset})" if term.by is not None else f" ({term.origin})"


def _miss(call: CallFact | None) -> str:
    if call is None:
        return "the call is not recorded"
    if call.breaker_open:
        return "its breaker was open"
    return "it missed its deadline" if call.deadline_missed else "its output was unusable"
