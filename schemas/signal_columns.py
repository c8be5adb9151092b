"""The signals of one bar as columns: what a burst of thousands is made of, without an object each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from schemas.fields import F8Array, I8Array, U1Array
from schemas.signals import SIGNALS, Signal


@dataclass(frozen=True, kw_only=True, slots=True)
class SignalTerms:
    """What many signals of one bar have in common: the lead's model, horizon and reason, and what was merged."""

    horizon: int
    model: str
    model_version: int
    models: tuple[str, ...]
    expires_at: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SignalColumns(Sequence[Signal]):
    """n signals of one bar, numbered from ``first_seq``; reads as a sequence of ``Signal``, made when asked for.

    ``signal_id`` and ``symbol`` hold n texts; ``direction`` codes into ``SIGNALS`` and ``term`` places in ``terms``,
    shape (n,); the float64 columns too.
    """

    first_seq: int
    timestamp: float
    event_time: int
    interval: str
    strategy: str
    source: tuple[int, int]
    terms: Sequence[SignalTerms]
    term: I8Array
    signal_id: Sequence[str]
    symbol: Sequence[str]
    direction: U1Array
    score: F8Array
    confidence: F8Array
    reference_price: F8Array
    position_scale: F8Array

    def __len__(self) -> int:
        return len(self.symbol)

    @overload
    def __getitem__(self, row: int) -> Signal: ...

    @overload
    def __getitem__(self, row: slice) -> tuple[Signal, ...]: ...

    def __getitem__(self, row: int | slice) -> Signal | tuple[Signal, ...]:
        """Return the signal of a row, or those of a slice of rows."""
        rows = range(len(self))[row]
        return self._signal(rows) if isinstance(rows, int) else tuple(map(self._signal, rows))

    def __iter__(self) -> Iterator[Signal]:
        return map(self._signal, range(len(self)))

    def __eq__(self, other: object) -> bool:
        """Equal to every sequence of the same signals."""
        return tuple(self) == tuple(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def _signal(self, row: int) -> Signal:
        terms = self.terms[self.term[row]]
        return Signal(
            signal_id=self.signal_id[row],
            seq=self.first_seq + row,
            symbol=self.symbol[row],
            signal=SIGNALS[self.direction[row]],
            score=float(self.score[row]),
            confidence=float(self.confidence[row]),
            timestamp=self.timestamp,
            event_time=self.event_time,
            interval=self.interval,
            horizon=terms.horizon,
            reference_price=float(self.reference_price[row]),
            position_scale=float(self.position_scale[row]),
            strategy=self.strategy,
            model=terms.model,
            model_version=terms.model_version,
            models=terms.models,
            source=self.source,
            expires_at=terms.expires_at,
            reason=terms.reason,
        )
