"""A backtest from the first message to its files."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from infra.settings import Settings
from pipeline.deployments import ModelRef
from pipeline.replay.gaps import GapCounter
from pipeline.routing.model_port import ModelUnavailable
from pipeline.trading.simulation import Simulation
from producers.bar_source import BarFile
from schemas.bars import BarBatch
from schemas.predictions import SERVING_ROLES
from signaltape.backtest.errors import BacktestRefused
from signaltape.backtest.material import Material
from signaltape.backtest.models import notes_about_live
from signaltape.backtest.notes import lag_notes, notes_of
from signaltape.backtest.of_file import file_material
from signaltape.backtest.of_log import log_material
from signaltape.backtest.record import Record
from signaltape.backtest.request import BacktestRequest
from signaltape.backtest.result import Backtest, Counts, Moved, Progress
from signaltape.backtest.sections import BarTime, Sections, Taken, within
from signaltape.backtest.summaries import write_summaries
from signaltape.backtest.writing import Writers


def backtest(settings: Settings, request: BacktestRequest, progress: Progress = lambda _: None) -> Backtest:
    """Run one; ``progress`` is told of every message of bars, of the lead-in too.

    Raises BacktestRefused, HistoryError, and what reading bars and models raises. Files appear whole or not at all:
    the long ones, then ``positions.parquet``, ``report.html``, and ``result.json`` last.
    """
    record = Record(request.trading.capital, sessions_a_year=request.sessions_a_year)
    with ExitStack() as stack:
        stack.enter_context(_made_folder(request.out))
        found = stack.enter_context(_material(settings, request))
        writers = stack.enter_context(Writers(request.out, signals=request.keep_signals))
        made = _run(request, found, _Course.of(request, found, writers, record), progress)
    write_summaries(made, record.prices)
    return made


@contextmanager
def _made_folder(folder: Path) -> Iterator[None]:
    """A result is of one backtest: nothing of an earlier one may lie beside it, and a refusal leaves no folder."""
    known = folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = next(folder.iterdir(), None)
    except OSError as error:
        raise BacktestRefused(f"--out {folder}: {error.strerror}") from error
    if taken is not None:
        raise BacktestRefused(f"--out {folder} is not empty ({taken.name}): give a new folder")
    try:
        yield
    except BaseException:
        if not known:
            with suppress(OSError):
                folder.rmdir()
        raise


def _material(settings: Settings, request: BacktestRequest) -> AbstractContextManager[Material]:
    if isinstance(request.source, BarFile):
        return nullcontext(file_material(settings, request, request.source))
    return log_material(settings, request)


@dataclass(kw_only=True, slots=True)
class _Course:
    """The account along the bar times.

    ``lag`` (ns): the most from a close until it was known. ``said``: serving model → its first bar time.
    """

    simulation: Simulation
    record: Record
    writers: Writers
    counts: Counts
    gaps: GapCounter
    lag: int = 0
    said: dict[ModelRef, int] = field(default_factory=dict)

    @classmethod
    def of(cls, request: BacktestRequest, found: Material, writers: Writers, record: Record) -> "_Course":
        return cls(
            simulation=Simulation(request.trading),
            record=record,
            writers=writers,
            counts=Counts(),
            gaps=GapCounter(found.interval),
        )

    def take(self, at: BarTime) -> None:
        stepped = self.simulation.step(at.section)
        self.record.add(at, stepped)
        counts = self.counts
        counts.bar_times += 1
        counts.bars += sum(len(batch.symbols) for batch in at.section.bars)
        counts.predictions += sum(len(batch.symbols) for batch in at.predictions)
        counts.signals += sum(len(columns) for columns in at.section.signals)
        counts.fills += sum(len(fills) for fills in stepped.fills)
        counts.cut += stepped.cut
        counts.limited_away += stepped.refused
        counts.unpriced += stepped.unpriced
        for call in at.predictions:
            if call.role in SERVING_ROLES:
                self.said.setdefault(ModelRef(name=call.model, version=call.model_version), call.event_time)
        for batch in at.section.bars:
            self.gaps.add(batch)
            self.lag = max(self.lag, batch.available_time - batch.event_time)
        self.writers.add(at, stepped)


def _run(request: BacktestRequest, found: Material, course: _Course, progress: Progress) -> Backtest:
    counts, performance = course.counts, course.record.performance
    sections = Sections(interval=found.interval)
    begun = time.perf_counter()

    def lead_in(at: BarTime) -> None:
        counts.lead_in += sum(len(batch.symbols) for batch in at.section.bars)

    for at in within(sections.gather(_taken(found, progress)), found.start, found.end, lead_in):
        course.take(at)
    if not counts.bar_times:
        raise BacktestRefused(f"no bar of {found.interval} closes in the range: give another --interval")
    counts.behind = sections.behind
    counts.missing, counts.gapped_symbols = course.gaps.missing, len(course.gaps.symbols)
    counts.symbols = course.simulation.symbols
    counts.refused = sum(flow.refused for flow in found.flows.values())
    metrics = performance.metrics()
    return Backtest(
        request=request,
        folder=request.out,
        interval=found.interval,
        start=found.start,
        end=found.end,
        begins=found.begins,
        model="as live" if found.chosen is None else str(found.chosen.ref),
        notes=(
            *found.notes,
            *(notes_about_live(found.models, course.said) if found.chosen is None else ()),
            *notes_of(counts, metrics),
            *lag_notes(course.lag, found.interval, request.trading.fill),
        ),
        counts=counts,
        metrics=metrics,
        sessions=performance.sessions(),
        months=performance.months(),
        coefficients=performance.coefficients(),
        course=course.record.equity.course(),
        positions=course.simulation.positions(),
        by_symbol=course.simulation.by_symbol(),
        seconds=time.perf_counter() - begun,
    )


def _taken(found: Material, progress: Progress) -> Iterator[Taken]:
    for entry in found.entries:
        message = entry.message
        try:
            step, outputs = found.flows[entry.partition].take(message, entry.offset)
        except ModelUnavailable as error:
            raise BacktestRefused(
                f"partition {entry.partition}, offset {entry.offset:,}: {error}; it was live there, so the signals of "
                "then can't be made again without it. Restore its files, or give --model"
            ) from error
        if isinstance(message, BarBatch):
            progress(Moved(bars=len(message.symbols), event_time=message.event_time, start=found.start, of=found.bars))
        yield Taken(message=message, step=step, outputs=outputs)
