"""Rows of a recomputation that differ from the current ones, bit for bit."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from infra.warehouse.bulk import merge_rows
from infra.warehouse.connection import Connection
from infra.warehouse.corrections import RepairTask
from infra.warehouse.feature_rows import feature_rows
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.queries import queries
from infra.warehouse.return_rows import return_rows
from pipeline.engine_types import masked
from pipeline.features import FeatureSet
from pipeline.recompute import Recomputation
from schemas.features import FeatureBatch, ReturnBatch
from schemas.link import Link


def write_changed(connection: Connection, task: RepairTask, work: Recomputation) -> tuple[int, int]:
    """Add the changed feature and return rows as corrections, inside the caller's transaction; returns how many.

    A row is compared with the one of the highest revision below the task's: that of a second run is the same, so
    that it adds nothing. What was stored before is never changed.
    """
    link = Link(position=(task.as_of, 0), last_part=0, previous=None)
    features = [
        batch for chosen in work.engine.sets for batch in _changed_features(connection, task, work, (chosen, link))
    ]
    returns = _changed_returns(connection, task, work, link)
    return (
        merge_rows(connection, feature_rows([(batch, task.partition, task.generation) for batch in features])),
        merge_rows(connection, return_rows([(batch, task.partition, task.generation) for batch in returns])),
    )


def write_changed_sets(
    connection: Connection, task: RepairTask, work: Recomputation, sets: Sequence[FeatureSet]
) -> int:
    """Add the changed feature rows of some sets only, under the same rules; returns how many."""
    link = Link(position=(task.as_of, 0), last_part=0, previous=None)
    found = [batch for chosen in sets for batch in _changed_features(connection, task, work, (chosen, link))]
    return merge_rows(connection, feature_rows([(batch, task.partition, task.generation) for batch in found]))


def _changed_features(
    connection: Connection, task: RepairTask, work: Recomputation, of: tuple[FeatureSet, Link]
) -> list[FeatureBatch]:
    chosen, link = of
    values = task.place(0) | {"feature_set": chosen.name, "set_version": chosen.version}
    before: Mapping[int, bytes] = {
        to_nanoseconds(time): np.array([*vector, close], dtype=np.float64).tobytes()
        for time, vector, close in connection.execute(queries("corrections")["features before"], values)
    }
    table = work.features(chosen.name)
    batches = []
    for row, time in enumerate(table.event_time.tolist()):
        vector, valid = masked(table.values[row : row + 1])
        bits = np.append(np.where(valid[0], vector[0], np.nan), table.close[row]).tobytes()
        if before.get(time) == bits:
            continue
        batches.append(
            FeatureBatch(
                link=link,
                feature_set=chosen.name,
                set_version=chosen.version,
                set_hash=chosen.hash,
                width=vector.shape[1],
                interval=task.interval,
                event_time=time,
                kind="correction",
                symbols=(task.symbol,),
                values=vector,
                valid=valid,
                close=table.close[row : row + 1],
                available_time=table.available_time[row : row + 1],
            )
        )
    return batches


def _changed_returns(connection: Connection, task: RepairTask, work: Recomputation, link: Link) -> list[ReturnBatch]:
    before: dict[int, list[tuple[Any, ...]]] = {
        to_nanoseconds(time): sorted(zip(horizons, times, values, strict=True))
        for time, horizons, times, values in connection.execute(queries("corrections")["returns before"], task.place(0))
    }
    table, horizons = work.returns(), work.engine.config.horizons
    batches = []
    for row, time in enumerate(table.event_time.tolist()):
        ripe = np.flatnonzero(table.present[row]).tolist()
        now = [
            (horizons[at], to_moment(int(table.prediction_time[row, at])), float(table.log_return[row, at]))
            for at in ripe
        ]
        if [_bits(one) for one in before.get(time, ())] == [_bits(one) for one in now]:
            continue
        batches += [
            ReturnBatch(
                link=link,
                interval=task.interval,
                horizon=horizons[at],
                event_time=time,
                available_time=int(table.available_time[row]),
                kind="correction",
                symbols=(task.symbol,),
                prediction_time=table.prediction_time[row, at : at + 1],
                log_return=table.log_return[row, at : at + 1],
            )
            for at in ripe
        ]
    return batches


def _bits(label: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*label[:2], np.float64(label[2]).tobytes())
