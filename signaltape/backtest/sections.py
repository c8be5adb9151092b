"""From messages to bar times: what the flow made of all partitions' bars that close at one time."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from pipeline.engine_types import FIRST, Step
from pipeline.routing.partition import Output
from pipeline.trading.section import Section
from schemas.bars import Adjustment, BarBatch, rows_of
from schemas.predictions import PredictionBatch
from schemas.signal_columns import SignalColumns


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """A message, and what the flow made of it."""

    message: object
    step: Step
    outputs: tuple[Output, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class BarTime:
    """All partitions at one close: what trades, and what was said there."""

    section: Section
    predictions: tuple[PredictionBatch, ...]


@dataclass(kw_only=True)
class Sections:
    """Gathers one interval's messages by close. ``behind``: bars that came after a later close was complete.

    They are not traded at their own close, which is past: their symbols trade again with their next bar.
    """

    interval: str
    behind: int = field(default=0, init=False)
    _time: int = field(default=-1, init=False)

    def __post_init__(self) -> None:
        self._clear()

    def gather(self, taken: Iterable[Taken]) -> Iterator[BarTime]:
        """Yield bar times in order; messages must come aligned by event time."""
        for one in taken:
            message = one.message
            if isinstance(message, Adjustment) and one.step.log_event:
                self._splits.append(message)
            elif isinstance(message, BarBatch) and message.interval == self.interval:
                bars = first_bars(message, one.step)
                if bars is None:
                    continue
                if bars.event_time < self._time:
                    self.behind += len(bars.symbols)
                    continue
                if bars.event_time > self._time:
                    if self._bars:
                        yield self._closed()
                    self._time = bars.event_time
                self._bars.append(bars)
                self._add(one)
        if self._bars:
            yield self._closed()

    def _add(self, one: Taken) -> None:
        for output in one.outputs:
            self._predictions += [made for made in output.predictions if isinstance(made, PredictionBatch)]
            if isinstance(output.signals, SignalColumns):
                self._signals.append(output.signals)

    def _closed(self) -> BarTime:
        made = BarTime(
            section=Section(
                event_time=self._time,
                bars=tuple(self._bars),
                splits=tuple(self._splits),
                signals=tuple(self._signals),
            ),
            predictions=tuple(self._predictions),
        )
        self._clear()
        return made

    def _clear(self) -> None:
        self._bars: list[BarBatch] = []
        self._splits: list[Adjustment] = []
        self._signals: list[SignalColumns] = []
        self._predictions: list[PredictionBatch] = []


def within(
    times: Iterable[BarTime], start: int, end: int, skipped: Callable[[BarTime], None] = lambda _: None
) -> Iterator[BarTime]:
    """Yield the bar times from ``start`` to ``end`` (ns UTC, both included); ``skipped`` is told of earlier ones.

    A split that was announced before the range and takes effect in it comes with the first.
    """
    announced: list[Adjustment] = []
    for at in times:
        if at.section.event_time < start:
            announced += [split for split in at.section.splits if split.effective_time >= start]
            skipped(at)
        elif at.section.event_time <= end:
            if announced:
                splits = (*announced, *at.section.splits)
                at, announced = replace(at, section=replace(at.section, splits=splits)), []
            yield at


def first_bars(batch: BarBatch, step: Step) -> BarBatch | None:
    """The rows that are the first of their key, which made features; None if there is none."""
    if step.stored is None:
        return None
    first = step.stored.status == FIRST
    if first.all() and len(first) == len(batch.symbols):
        return batch
    rows = step.stored.rows[first]
    return rows_of(batch, rows) if len(rows) else None
