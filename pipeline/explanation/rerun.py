"""The inference at one bar run anew for one symbol: scores, directions, merge, dedup, signal.

It is the partition's own class (``PartitionInference``) with the memory that it had for this symbol: the control
events obeyed by then, the last emission, the last answers of the models.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.control import ControlState
from pipeline.explanation.facts import Moment, VectorFact
from pipeline.routing.model_port import ModelPort
from pipeline.routing.options import InferenceOptions
from pipeline.routing.partition import Output, PartitionInference
from pipeline.routing.router_state import RouterState
from schemas.features import FeatureBatch
from schemas.link import Link, Position
from schemas.predictions import DIRECTIONS, PredictionBatch
from schemas.signals import Signal

#: Stands for the other symbols of a message where a model was called about none but them. No name has a newline.
OTHERS = "\n"


def rerun(
    moment: Moment, batches: Sequence[FeatureBatch], models: ModelPort, options: InferenceOptions
) -> tuple[tuple[PredictionBatch, ...], Signal | None]:
    """Return the record of every call about the symbol, and the signal if there is one.

    ``batches``: the symbol's vectors, one batch a set, as ``retrace`` gives them. Raises ``ModelUnavailable``.
    """
    inference = PartitionInference(
        partition=moment.partition,
        models=models,
        options=options,
        control=control_state(moment),
        state=_memory(moment),
    )
    output = Output()
    for message in _linked(moment, batches):
        output = inference.take(message, 0) or output
    calls = [one for one in output.predictions if isinstance(one, PredictionBatch) and moment.symbol in one.symbols]
    signals = [one for one in output.signals if isinstance(one, Signal) and one.symbol == moment.symbol]
    return tuple(calls), signals[0] if signals else None


def control_state(moment: Moment) -> ControlState:
    """The events obeyed on the partition, as they were in force at this bar."""
    kept = {one.event.control_offset: one.effective_p for one in moment.control}
    return ControlState.restore(max(kept, default=-1), kept, [one.event for one in moment.control])


def _memory(moment: Moment) -> RouterState:
    state = RouterState()
    numbers = state.symbols.numbers((moment.symbol,))
    if moment.before is not None:
        told = moment.before.signal
        table = state.router.table(moment.interval)
        table.mark(numbers, np.array([DIRECTIONS.index(told.signal)], dtype=np.uint8), told.event_time)
    for answer in moment.answers:
        last = state.last_of(answer.ref, moment.interval)
        last.remember(numbers, np.array([answer.score]), answer.event_time)
    return state


def _linked(moment: Moment, batches: Sequence[FeatureBatch]) -> list[FeatureBatch]:
    """The parts of one source message. A set without the symbol names others, if its models were called."""
    called = {(one.feature_set, one.set_version) for one in moment.calls}
    chosen = []
    for batch in batches:
        if not batch.symbols and (batch.feature_set, batch.set_version) in called:
            batch = _of_others(batch)
        chosen.append(batch)
    offset = batches[0].link.position[0] if batches else 0
    return [
        replace(
            batch,
            link=Link(
                position=(offset, part),
                last_part=len(chosen) - 1,
                previous=None if part == 0 else (offset, part - 1),
            ),
        )
        for part, batch in enumerate(chosen)
    ]


def _of_others(batch: FeatureBatch) -> FeatureBatch:
    return replace(
        batch,
        symbols=(OTHERS,),
        values=np.zeros((1, batch.width)),
        valid=np.zeros((1, batch.width), dtype=np.bool_),
        close=np.ones(1),
        available_time=np.zeros(1, dtype=np.int64),
    )


def vectors_as_stored(moment: Moment, offset: int) -> tuple[FeatureBatch, ...]:
    """The stored vectors as the messages that they came from, where they can't be computed anew.

    A set whose models were called about other symbols only is there without a row.
    """
    parts = {(one.feature_set, one.set_version): (one.source_part, one.set_hash) for one in moment.calls}
    parts.pop(("", 0), None)  # of a call that is known by its row only
    vectors = {(one.feature_set, one.set_version): one for one in moment.vectors}
    parts |= {key: (0, one.set_hash) for key, one in vectors.items() if key not in parts}
    ordered = sorted(parts, key=lambda key: (parts[key][0], key))
    return tuple(
        _as_stored(moment, key, parts[key][1], vectors.get(key), (offset, part)) for part, key in enumerate(ordered)
    )


def _as_stored(
    moment: Moment, key: tuple[str, int], set_hash: str, one: VectorFact | None, position: Position
) -> FeatureBatch:
    values = [] if one is None else [list(one.values)]
    valid = np.array([[value is not None for value in row] for row in values], dtype=np.bool_)
    filled = np.array([[0.0 if value is None else value for value in row] for row in values])
    width = 0 if one is None else len(one.values)
    return FeatureBatch(
        link=Link(position=position, last_part=position[1], previous=None),
        feature_set=key[0],
        set_version=key[1],
        set_hash=set_hash,
        width=width,
        interval=moment.interval,
        event_time=moment.event_time,
        kind="live",
        symbols=() if one is None else (moment.symbol,),
        values=filled.reshape(len(values), width),
        valid=valid.reshape(len(values), width),
        close=np.array([] if one is None else [one.close], dtype=np.float64),
        available_time=np.array([] if one is None else [one.available_time], dtype=np.int64),
    )
