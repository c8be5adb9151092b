"""From merged rows to the signals that are sent."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.routing.decision import OK
from pipeline.routing.merging import Merged
from pipeline.routing.router import Routed, Statement
from schemas.fields import F8Array, I8Array
from schemas.ids import SignalIds
from schemas.intervals import INTERVALS, SECOND
from schemas.signal_columns import SignalColumns, SignalTerms

_REASONS = ("live", "fallback")


@dataclass(frozen=True, kw_only=True, slots=True)
class BarPlace:
    """Where a signal comes from: router, interval, close (ns UTC), and (partition, offset) of the bars."""

    router: str
    interval: str
    event_time: int
    source: tuple[int, int]


def build_signals(routed: Routed, statements: Sequence[Statement], place: BarPlace, first_seq: int) -> SignalColumns:
    """Return the signals of one bar, in row order, numbered from ``first_seq``.

    ``strategy`` names all live strategies of this bar, joined by "+"; model, version, horizon, price and reason are
    the lead row's; the position scale is the smallest of those who spoke. A signal expires one horizon (in bars)
    after its close.
    """
    merged = routed.merged
    places = np.flatnonzero(routed.sent)
    if merged is None:
        raise ValueError("nothing was merged, so nothing can be sent")
    symbols = _chosen(merged.symbols, places)
    price, scale, kinds = _of_statements(merged, statements, places)
    found, term = np.unique(kinds, return_inverse=True)
    return SignalColumns(
        first_seq=first_seq,
        timestamp=place.event_time / SECOND,
        event_time=place.event_time,
        interval=place.interval,
        strategy="+".join(dict.fromkeys(statement.strategy for statement in statements)),
        source=place.source,
        terms=tuple(_terms(statements, kind, place) for kind in found.tolist()),
        term=term,
        signal_id=SignalIds(place.router, symbols, place.interval, place.event_time),
        symbol=symbols,
        direction=merged.direction[places],
        score=merged.score[places],
        confidence=merged.confidence[places],
        reference_price=price,
        position_scale=scale,
    )


def _of_statements(
    merged: Merged, statements: Sequence[Statement], places: I8Array
) -> tuple[F8Array, F8Array, I8Array]:
    """Return price, position scale and kind of each row that is sent, shape (n,).

    A kind is one number for who spoke, who leads and whether by its fallback: from the lowest bit on, one bit each
    statement, one bit for a fallback, then the number of the lead.
    """
    lead, lead_row = merged.lead[places], merged.lead_row[places]
    price, scale = np.zeros(len(places)), np.full(len(places), np.inf)
    kinds = lead << len(statements) + 1
    for number, statement in enumerate(statements):
        mine = lead == number
        price[mine] = statement.close[lead_row[mine]]
        kinds[mine] |= (statement.status[lead_row[mine]] != OK).astype(np.int64) << len(statements)
        spoke = merged.contributors[number, places]
        kinds |= spoke.astype(np.int64) << number
        own = statement.scale[merged.rows[number, places]]
        scale = np.minimum(scale, np.where(spoke, own, np.inf))
    return price, scale, kinds


def _terms(statements: Sequence[Statement], kind: int, place: BarPlace) -> SignalTerms:
    spoke, fallback = kind & (1 << len(statements)) - 1, kind >> len(statements) & 1
    lead = statements[kind >> len(statements) + 1]
    return SignalTerms(
        horizon=lead.horizon,
        model=lead.model,
        model_version=lead.model_version,
        models=_models(statements, spoke),
        expires_at=place.event_time + lead.horizon * INTERVALS[place.interval],
        reason=_REASONS[fallback],
    )


def _chosen(symbols: tuple[str, ...], places: I8Array) -> Sequence[str]:
    if len(places) == len(symbols):
        return symbols
    return [symbols[place] for place in places.tolist()]


def _models(statements: Sequence[Statement], bits: int) -> tuple[str, ...]:
    return tuple(
        f"{statement.model}:{statement.model_version}"
        for number, statement in enumerate(statements)
        if bits >> number & 1
    )
