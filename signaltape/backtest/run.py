"""A backtest from the first message to its files."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

from infra.settings import Settings
from pipeline.replay.gaps import GapCounter
from pipeline.routing.model_port import ModelUnavailable
from pipeline.trading.results import Positions, Stepped, SymbolFigures
from pipeline.trading.simulation import Simulation
from schemas.bars import BarBatch
from signaltape.backtest.errors import BacktestRefused
from signaltape.backtest.material import Material
from signaltape.backtest.of_file import file_material
from signaltape.backtest.of_log import log_material
from signaltape.backtest.request import BacktestRequest, BarFile
from signaltape.backtest.sections import BarTime, Sections, Taken
from signaltape.backtest.writing import Writers

Progress = Callable[[int], None]


@dataclass(kw_only=True, slots=True)
class Counts:
    """What went through. ``bars`` of the range; ``lead_in`` before it. ``behind``: bars that came too late to trade."""

    lead_in: int = 0
    bars: int = 0
    bar_times: int = 0
    predictions: int = 0
    signals: int = 0
    behind: int = 0
    missing: int = 0
    gapped_symbols: int = 0
    refused: int = 0
    cut: int = 0
    limited_away: int = 0
    unpriced: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Backtest:
    """What came out; the files lie in ``folder``. ``seconds``: wall time from the first message to the last."""

    request: BacktestRequest
    folder: Path
    interval: str
    start: int
    end: int
    begins: dict[int, str]
    model: str
    notes: tuple[str, ...]
    counts: Counts
    last: Stepped
    positions: Positions
    by_symbol: SymbolFigures
    seconds: float


def backtest(settings: Settings, request: BacktestRequest, progress: Progress = lambda _: None) -> Backtest:
    """Run one; ``progress`` is told how many more bars were taken, of the lead-in too.

    Raises BacktestRefused, HistoryError, and what reading bars and models raises. Files appear whole or not at all.
    """
    _make_folder(request.out)
    with ExitStack() as stack:
        found = stack.enter_context(_material(settings, request))
        writers = stack.enter_context(Writers(request.out, signals=request.keep_signals))
        return _run(request, found, writers, progress)


def _make_folder(folder: Path) -> None:
    """A result is of one backtest: nothing of an earlier one may lie beside it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = next(folder.iterdir(), None)
    except OSError as error:
        raise BacktestRefused(f"--out {folder}: {error.strerror}") from error
    if taken is not None:
        raise BacktestRefused(f"--out {folder} is not empty ({taken.name}): give a new folder")


def _material(settings: Settings, request: BacktestRequest) -> AbstractContextManager[Material]:
    if isinstance(request.source, BarFile):
        return nullcontext(file_material(settings, request, request.source))
    return log_material(settings, request)


@dataclass(kw_only=True, slots=True)
class _Course:
    """The account along the bar times."""

    simulation: Simulation
    writers: Writers
    counts: Counts
    gaps: GapCounter
    last: Stepped | None = None

    def take(self, at: BarTime) -> None:
        stepped = self.last = self.simulation.step(at.section)
        counts = self.counts
        counts.bar_times += 1
        counts.bars += sum(len(batch.symbols) for batch in at.section.bars)
        counts.predictions += sum(len(batch.symbols) for batch in at.predictions)
        counts.signals += sum(len(columns) for columns in at.section.signals)
        counts.cut += stepped.cut
        counts.limited_away += stepped.refused
        counts.unpriced += stepped.unpriced
        for batch in at.section.bars:
            self.gaps.add(batch)
        self.writers.add(at, stepped)


def _run(request: BacktestRequest, found: Material, writers: Writers, progress: Progress) -> Backtest:
    counts = Counts()
    course = _Course(
        simulation=Simulation(request.trading), writers=writers, counts=counts, gaps=GapCounter(found.interval)
    )
    sections = Sections(interval=found.interval)
    begun = time.perf_counter()
    for at in sections.gather(_taken(found, progress)):
        if at.section.event_time < found.start:
            counts.lead_in += sum(len(batch.symbols) for batch in at.section.bars)
        elif at.section.event_time <= found.end:
            course.take(at)
    if course.last is None:
        raise BacktestRefused(f"no bar of {found.interval} closes in the range: give another --interval")
    counts.behind = sections.behind
    counts.missing, counts.gapped_symbols = course.gaps.missing, len(course.gaps.symbols)
    counts.refused = sum(flow.refused for flow in found.flows.values())
    return Backtest(
        request=request,
        folder=request.out,
        interval=found.interval,
        start=found.start,
        end=found.end,
        begins=found.begins,
        model="as live" if found.chosen is None else str(found.chosen.ref),
        notes=(*found.notes, *_notes(counts, course)),
        counts=counts,
        last=course.last,
        positions=course.simulation.positions(),
        by_symbol=course.simulation.by_symbol(),
        seconds=time.perf_counter() - begun,
    )


def _taken(found: Material, progress: Progress) -> Iterator[Taken]:
    for entry in found.entries:
        try:
            step, outputs = found.flows[entry.partition].take(entry.message, entry.offset)
        except ModelUnavailable as error:
            raise BacktestRefused(
                f"partition {entry.partition}, offset {entry.offset:,}: {error}; it was live there, so the signals of "
                "then can't be made again without it. Restore its files, or give --model"
            ) from error
        if isinstance(entry.message, BarBatch):
            progress(len(entry.message.symbols))
        yield Taken(message=entry.message, step=step, outputs=outputs)


def _notes(counts: Counts, course: _Course) -> Iterator[str]:
    if counts.missing:
        yield (
            f"{counts.missing:,} bars are missing between two of their symbol in one session day "
            f"({counts.gapped_symbols:,} symbols): orders waited for the next one"
        )
    if counts.behind:
        yield f"{counts.behind:,} bars came after a later close was complete on all partitions: not traded at their own"
    if counts.refused:
        yield f"{counts.refused:,} messages were refused as the feature agent refuses them"
    if not counts.signals:
        yield "there was no signal at all: no model was live, nothing was past its warm-up, or everything was filtered"
    if course.simulation.bankrupt:
        yield "the account lost all of its capital: everything was closed, and nothing traded afterwards"
