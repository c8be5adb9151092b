"""From merged rows to the signals that are sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.routing.decision import OK
from pipeline.routing.router import Routed, Statement
from schemas.ids import signal_ids
from schemas.intervals import INTERVALS, SECOND
from schemas.predictions import DIRECTIONS
from schemas.signals import Signal

_REASONS = ("live", "fallback")


@dataclass(frozen=True, kw_only=True, slots=True)
class BarPlace:
    """Where a signal comes from: router, interval, close (ns UTC), and (partition, offset) of the bars."""

    router: str
    interval: str
    event_time: int
    source: tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Sent:
    """Columns of the rows that are sent, shape (n,); ``speakers`` has bit k set where statement k spoke."""

    symbols: list[str]
    direction: list[int]
    score: list[float]
    confidence: list[float]
    lead: list[int]
    price: list[float]
    scale: list[float]
    fallback: list[bool]
    speakers: list[int]

    def columns(self) -> Sequence[list[Any]]:
        """All columns, in the order in which they are declared."""
        first = (self.symbols, self.direction, self.score, self.confidence, self.lead)
        return (*first, self.price, self.scale, self.fallback, self.speakers)


def build_signals(routed: Routed, statements: Sequence[Statement], place: BarPlace, first_seq: int) -> list[Signal]:
    """Return the signals of one bar, in row order, numbered from ``first_seq``.

    ``strategy`` names all live strategies of this bar, joined by "+"; model, version, horizon, price and reason are
    the lead row's; the position scale is the smallest of those who spoke. A signal expires one horizon (in bars)
    after its close.
    """
    if not routed.sent.any():
        return []
    sent = _sent_columns(routed, statements)
    strategy = "+".join(statement.strategy for statement in statements)
    length = INTERVALS[place.interval]
    timestamp = place.event_time / SECOND
    ids = signal_ids(place.router, sent.symbols, place.interval, place.event_time)
    models = {bits: _models(statements, bits) for bits in set(sent.speakers)}
    return [
        Signal(
            signal_id=identity,
            seq=seq,
            symbol=symbol,
            signal=DIRECTIONS[direction],
            score=score,
            confidence=confidence,
            timestamp=timestamp,
            event_time=place.event_time,
            interval=place.interval,
            horizon=statements[lead].horizon,
            reference_price=price,
            position_scale=scale,
            strategy=strategy,
            model=statements[lead].model,
            model_version=statements[lead].model_version,
            models=models[speakers],
            source=place.source,
            expires_at=place.event_time + statements[lead].horizon * length,
            reason=_REASONS[fallback],
        )
        for seq, (identity, symbol, direction, score, confidence, lead, price, scale, fallback, speakers) in enumerate(
            zip(ids, *sent.columns(), strict=True), start=first_seq
        )
    ]


def _sent_columns(routed: Routed, statements: Sequence[Statement]) -> _Sent:
    merged = routed.merged
    if merged is None:
        raise ValueError("nothing was merged, so nothing can be sent")
    places = np.flatnonzero(routed.sent)
    lead, lead_row = merged.lead[places], merged.lead_row[places]
    price, fallback = np.zeros(len(places)), np.zeros(len(places), dtype=np.bool_)
    scale = np.full(len(places), np.inf)
    speakers = np.zeros(len(places), dtype=np.int64)
    for number, statement in enumerate(statements):
        mine = lead == number
        price[mine] = statement.close[lead_row[mine]]
        fallback[mine] = statement.status[lead_row[mine]] != OK
        spoke = merged.contributors[number, places]
        speakers |= spoke.astype(np.int64) << number
        own = statement.scale[merged.rows[number, places]]
        scale = np.minimum(scale, np.where(spoke, own, np.inf))
    return _Sent(
        symbols=[merged.symbols[place] for place in places.tolist()],
        direction=merged.direction[places].tolist(),
        score=merged.score[places].tolist(),
        confidence=merged.confidence[places].tolist(),
        lead=lead.tolist(),
        price=price.tolist(),
        scale=scale.tolist(),
        fallback=fallback.tolist(),
        speakers=speakers.tolist(),
    )


def _models(statements: Sequence[Statement], bits: int) -> tuple[str, ...]:
    return tuple(
        f"{statement.model}:{statement.model_version}"
        for number, statement in enumerate(statements)
        if bits >> number & 1
    )
