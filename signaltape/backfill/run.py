"""A backfill from the file to the log, in an order that a death at any place leaves right."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.broker.admin import check_partitions
from infra.engine_choice import engine_config
from infra.settings import Settings
from infra.warehouse.backfills import BackfillRun, BackfillWriter
from infra.warehouse.feature_rounds import register_feature_sets
from pipeline.backfill import HistoryEngines
from producers.errors import BarInputError
from producers.history import Availability, History, Sections, check_splits, read_history
from producers.splits import read_splits
from schemas.bars import Adjustment
from schemas.names import MAX_NAME, is_name
from signaltape.backfill.entering import enter_log
from signaltape.backfill.errors import BackfillRefused
from signaltape.backfill.loading import Loaded, LoadOptions, load
from signaltape.backfill.overlap import refuse_overlap, what_is_known

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class BackfillRequest:
    """What is to be loaded. ``run`` names the load: the same name continues it. ``adjustments``: CSV of splits."""

    file: Path
    interval: str
    stamp: str
    availability: Availability
    run: str
    source: str
    adjustments: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BackfillReport:
    """What a run is, and what this process added to it. ``seconds``: its loading alone, without reading the file.

    ``resumed``: bars that were there from before. ``done_before``: nothing was left to do.
    """

    run: str
    source: str
    interval: str
    bars: int
    symbols: int
    states: int
    resumed: int
    seconds: float
    inserted: Mapping[str, int]
    suppressed: Mapping[str, int]
    done_before: bool


def run_backfill(
    settings: Settings,
    request: BackfillRequest,
    options: LoadOptions | None = None,
    *,
    progress: Progress = lambda *_: None,
) -> BackfillReport:
    """Load a file's history.

    1. Read and check the file and its splits. Nothing has been written until all of it is good.
    2. Take the lock (one backfill at a time on a database) and look the run up. Under its name with other terms
       (another file, interval, code …) it is refused; one that is complete ends here.
    3. A new run: refuse what overlaps with the log or an earlier load; then write the run down.
    4. Step the engines from the beginning, and write rows from where the run stands: a chunk and the run's progress
       are one transaction, so a death between two chunks, or in one, repeats no row and leaves none out.
    5. Publish splits and one state per symbol, acknowledged (``enter_log``).
    6. Note that the run has entered the log.
    7. Have the planner look at the tables; without it, autovacuum does within minutes.

    Dead after the last chunk and before 5 is acknowledged: the rows are there, live bars start cold, and the next
    call does 5. Dead between 5 and 6: the next call does 5 again, which changes nothing (bars that came live in
    between are published once more as corrections with the same values; with more of them than the ring holds, the
    feature agent drops the state and asks for a repair from the stored bars).
    Rows come before states: the agent that applies a state finds the stored bars that it may have to look up.
    """
    history, splits = _read(settings, request)
    check_partitions(settings)
    configs = [engine_config(settings, number) for number in range(settings.topics.partitions)]
    engines = HistoryEngines(configs, request.run, splits)
    sections = Sections(history, partitions=len(configs), feed=request.run, source=request.source)
    writer = BackfillWriter(settings, request.run)
    try:
        writer.lock()
        terms = _terms(settings, request, engines.code_hash)
        run = _find(writer, request.run, terms)
        if run is not None and run.entered:
            return _report(request, history, Loaded(), (len(history.table), 0, 0.0))
        if run is None:
            known = what_is_known(settings, writer.connection, history)
            refuse_overlap(known, history, request.source, splits, settings.engine.ring)
            register_feature_sets(writer.connection, engines.engines[0].sets)
            writer.begin(terms, len(sections), len(history.table))
        done = 0 if run is None else run.sections_done
        begun, total = time.perf_counter(), len(history.table)
        loaded = load(
            writer, engines, sections, done=done, options=options, progress=lambda n: progress("loading", n, total)
        )
        seconds = time.perf_counter() - begun
        states = len(history.symbols)
        enter_log(settings, engines, history, splits, lambda n: progress("states", n, states))
        writer.entered()  # 6.
        writer.analyze()  # 7.
        return _report(request, history, loaded, (loaded.stepped, states, seconds))
    finally:
        writer.close()


def _read(settings: Settings, request: BackfillRequest) -> tuple[History, tuple[Adjustment, ...]]:
    for text in (request.run, request.source):
        if not is_name(text):
            raise BarInputError(f"a run or source has a name of 1 to {MAX_NAME} characters, not {text!r:.140}")
    primary = settings.engine.primary_source
    if primary is not None and request.source != primary:
        raise BarInputError(
            f"features come from the primary source {primary!r} (setting engine.primary_source), the file's bars are"
            f" from {request.source!r}: give --source {primary}, if they are"
        )
    history = read_history(request.file, request.interval, request.stamp, request.availability)
    found = read_splits(request.adjustments) if request.adjustments is not None else ()
    if request.adjustments is not None:
        check_splits(request.adjustments, found, history)
    splits = tuple(
        Adjustment(
            feed=request.run,
            source=request.source,
            symbol=one.symbol,
            factor=one.factor,
            effective_time=one.effective_time,
            available_time=one.effective_time,
        )
        for one in found
    )
    return history, splits


def _terms(settings: Settings, request: BackfillRequest, code: str) -> dict[str, Any]:
    """Everything that the rows depend on, by name."""
    when = request.availability
    return {
        "file": _sha256(request.file),
        "adjustments": "" if request.adjustments is None else _sha256(request.adjustments),
        "interval": request.interval,
        "stamp": request.stamp,
        "availability": f"column {when.column}" if when.lag is None else f"close + {when.lag} ns",
        "source": request.source,
        "partitions": settings.topics.partitions,
        "topic prefix": settings.topics.prefix,
        "ring": settings.engine.ring,
        "feature code": code,
    }


def _find(writer: BackfillWriter, name: str, terms: Mapping[str, Any]) -> BackfillRun | None:
    run = writer.find()
    if run is not None and (other := [key for key, value in terms.items() if run.terms.get(key) != value]):
        state = "is complete" if run.entered else f"has {run.bars_done:,} of {run.bars:,} bars loaded"
        raise BackfillRefused(
            f"run {name!r} {state} and was begun with another {', '.join(other)}: continue it with what it was begun"
            " with, or give this load a name of its own with --run"
        )
    return run


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _report(
    request: BackfillRequest, history: History, loaded: Loaded, figures: tuple[int, int, float]
) -> BackfillReport:
    resumed, states, seconds = figures
    return BackfillReport(
        run=request.run,
        source=request.source,
        interval=request.interval,
        bars=len(history.table),
        symbols=len(history.symbols),
        states=states,
        resumed=resumed,
        seconds=seconds,
        inserted=dict(loaded.inserted),
        suppressed=dict(loaded.suppressed),
        done_before=states == 0,
    )
