"""Rows of kind `correction` that the repair job wrote: every answer recomputed from the symbol's first bar.

The job is no function of the log: it answers together what it finds open when it runs, and writes only what changed.
But which requests it answered by which place in the log is recorded, and then it says, of every bar time, what the
newest row up to its revision must be.
"""

from dataclasses import replace

import numpy as np

from infra.engine_choice import engine_config
from infra.settings import Settings
from infra.warehouse.corrections import RepairTask, source_of, stored_history, stored_splits
from infra.warehouse.stored_sheets import answered_repairs, stored_as_of
from infra.warehouse.verification import Lane
from pipeline.digests.tally import CORRECTIONS, FEATURES, DigestKey, set_subject
from pipeline.features.catalog import FeatureSet
from pipeline.recompute import Beginning, Recomputation
from pipeline.verification.differences import RecordDifference, compare_sheets
from pipeline.verification.sheets import Sheet, empty
from signaltape.verification.judging import Judge
from signaltape.verification.plan import Plan

_BLAME = "what the repair job wrote is not what the bars give that it had: row or bars were changed after it"


def compare_repairs(judge: Judge, settings: Settings, known: Plan) -> tuple[list[RecordDifference], int]:
    """Differences of what the job wrote about the range, and how many rows were compared."""
    found: list[RecordDifference] = []
    compared = 0
    for lane in judge.lanes:
        for task in answered_repairs(judge.connection, lane, judge.book.span[1]):
            work = _recomputed(judge, settings, (lane, task), known)
            if work is None:
                continue
            for chosen in known.sets:
                some, count = _compare(judge, task, chosen, work)
                found += some
                compared += count
    return sorted(found, key=lambda one: one.order), compared


def _recomputed(judge: Judge, settings: Settings, what: tuple[Lane, RepairTask], known: Plan) -> Recomputation | None:
    lane, task = what
    config = replace(engine_config(settings, task.partition), feature_sets=tuple(one.name for one in known.sets))
    source = config.primary_source or source_of(judge.connection, task)
    splits = stored_splits(judge.connection, task, lane.first_generation)
    history = stored_history(judge.connection, task, lane.first_generation, source=source or "", after=0)
    if source is None or not history.place.shape[0]:
        return None
    work = Recomputation(config, task.interval, splits)
    work.run(history, {task.symbol: Beginning(source=source, since=max(task.since, judge.book.span[0]))})
    return work


def _compare(
    judge: Judge, task: RepairTask, chosen: FeatureSet, work: Recomputation
) -> tuple[list[RecordDifference], int]:
    low, high = max(task.since, judge.book.span[0], judge.kept_from(FEATURES)), judge.book.span[1]
    stored = stored_as_of(judge.connection, task, chosen, (low, high))
    table, subject = work.features(chosen.name), set_subject(chosen.name, chosen.version)
    found: list[RecordDifference] = []
    compared = 0
    for row, time in enumerate(table.event_time.tolist()):
        if not low <= time <= high:
            continue
        key = DigestKey(CORRECTIONS, subject, task.interval, time)
        numbers = np.append(table.close[row], table.values[row])
        computed = Sheet(
            symbols=(task.symbol,),
            keys=(task.symbol,),
            columns=("close", *chosen.names),
            numbers=np.where(np.isfinite(numbers), numbers, np.nan).reshape(1, -1),
            facts=((),),
            offsets=(task.as_of,),
        )
        # From when on a row could be known that was right already is its own matter, not the job's.
        recorded = replace(stored[key], fact_names=(), facts=((),)) if key in stored else empty(computed.columns)
        found += compare_sheets(key, recorded, computed, judge.tolerance(CORRECTIONS), _BLAME)
        compared += 1
    return found, compared
