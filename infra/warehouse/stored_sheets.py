"""Stored rows of single bar times as sheets, to be held against recomputed ones value by value."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from infra.warehouse.connection import Connection
from infra.warehouse.corrections import RepairTask
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.queries import queries
from infra.warehouse.verification import Lane, rows_at
from pipeline.digests.tally import DigestKey, call_subject, set_subject
from pipeline.explanation.comparison import Value
from pipeline.features.catalog import FeatureSet
from pipeline.verification.ledger import BARS
from pipeline.verification.sheets import (
    PREDICTION_FACTS,
    PREDICTION_NUMBERS,
    SIGNAL_FACTS,
    SIGNAL_NUMBERS,
    Sheet,
    bar_key,
)
from schemas.fields import F8Array

#: Subject of a set (``name:version``) → names of its columns.
Names = Mapping[str, Sequence[str]]
_Row = tuple[str, str, Sequence[Value], tuple[Value, ...], int]


def stored_sheets(
    connection: Connection, keys: Iterable[DigestKey], lanes: Sequence[Lane], names: Names
) -> dict[DigestKey, Sheet]:
    """Sheets of the stored rows of ``keys``; a key without rows is left out. Sets that ``names`` lacks are skipped."""
    wanted = set(keys)
    found: dict[DigestKey, list[_Row]] = {}

    def add(key: DigestKey, row: _Row) -> None:
        if key in wanted:
            found.setdefault(key, []).append(row)

    def times(stage: str, *, subjects: bool | None = None) -> list[int]:
        return [
            one.event_time
            for one in wanted
            if one.stage == stage and (subjects is None or bool(one.subject) == subjects)
        ]

    if at := times(BARS, subjects=False):
        for interval, time, symbol, source, revision, status, offset in rows_at(connection, "bars at", lanes, at):
            key = DigestKey(BARS, "", interval, to_nanoseconds(time))
            add(key, (symbol, bar_key(symbol, source, revision), (), (status,), offset))
    if at := times("features") + times(BARS, subjects=True):
        for row in rows_at(connection, "features at", lanes, at):
            key, read = _feature(row)
            add(key, read)
            add(key._replace(stage=BARS), (read[0], read[1], (), (read[4],), read[4]))
    if at := times("predictions"):
        for row in rows_at(connection, "predictions at", lanes, at):
            add(*_prediction(row))
    if at := times("signals"):
        for row in rows_at(connection, "signals at", lanes, at):
            add(*_signal(row))
    return {key: _sheet(key, rows, names) for key, rows in found.items() if _columns(key, names) is not None}


def stored_corrections(
    connection: Connection, lane: Lane, offsets: Sequence[int], span: tuple[int, int], names: Names
) -> dict[DigestKey, Sheet]:
    """Sheets of the correction rows that the agent made from states at ``offsets``, of bar times within ``span``."""
    values = {
        "partition": lane.partition,
        "first_generation": lane.first_generation,
        "offsets": list(offsets),
        "low": to_moment(span[0]),
        "high": to_moment(span[1]),
    }
    found: dict[DigestKey, list[_Row]] = {}
    for row in connection.execute(queries("verification")["corrections at"], values):
        key, read = _feature(row)
        symbol, _, numbers, facts, offset = read
        found.setdefault(key._replace(stage="corrections"), []).append(
            (symbol, f"{symbol}\n{offset}", numbers, facts, offset)
        )
    return {key: _sheet(key, rows, names) for key, rows in found.items() if _columns(key, names) is not None}


def stored_as_of(
    connection: Connection, task: RepairTask, chosen: FeatureSet, span: tuple[int, int]
) -> dict[DigestKey, Sheet]:
    """Sheets of one row each: what was known of the task's symbol in its revision, by bar time."""
    values = task.place(0) | {
        "feature_set": chosen.name,
        "set_version": chosen.version,
        "low": to_moment(span[0]),
        "high": to_moment(span[1]),
    }
    names = {set_subject(chosen.name, chosen.version): chosen.names}
    found = map(_feature, connection.execute(queries("verification")["features as of"], values))
    return {key._replace(stage="corrections"): _sheet(key, [row], names) for key, row in found}


def answered_repairs(connection: Connection, lane: Lane, last: int) -> list[RepairTask]:
    """What the repair job has answered of a lane's requests about bars up to ``last`` (ns UTC)."""
    values = {
        "partition": lane.partition,
        "first_generation": lane.first_generation,
        "start": lane.start,
        "end": lane.end,
        "high": to_moment(last),
    }
    return [
        RepairTask(
            partition=partition, symbol=symbol, interval=interval, ids=(), generation=generation, as_of=as_of,
            since=to_nanoseconds(since),
        )
        for partition, symbol, interval, generation, as_of, since in connection.execute(
            queries("verification")["answered repairs"], values
        )
    ]  # fmt: skip


def _feature(row: tuple[Any, ...]) -> tuple[DigestKey, _Row]:
    name, version, interval, time, symbol, close, values, available, offset = row
    key = DigestKey("features", set_subject(name, version), interval, to_nanoseconds(time))
    return key, (symbol, symbol, (close, *values), (to_nanoseconds(available),), offset)


def _prediction(row: tuple[Any, ...]) -> tuple[DigestKey, _Row]:
    strategy, model, version, role, interval, time, symbol, score, confidence, *facts, offset = row
    key = DigestKey("predictions", call_subject(strategy, model, version, role), interval, to_nanoseconds(time))
    return key, (symbol, symbol, (score, confidence), tuple(facts), offset)


def _signal(row: tuple[Any, ...]) -> tuple[DigestKey, _Row]:
    (signal_id, _, symbol, signal, score, confidence, time, interval, horizon, price, scale, strategy, model, version,
     models, offset, expires, reason, _) = row  # fmt: skip
    facts = (
        signal_id, signal, horizon, strategy, model, version, tuple(models), to_nanoseconds(expires), reason,
    )  # fmt: skip
    key = DigestKey("signals", "", interval, to_nanoseconds(time))
    return key, (symbol, symbol, (score, confidence, price, scale), facts, offset)


def _columns(key: DigestKey, names: Names) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    match key.stage:
        case "predictions":
            return PREDICTION_NUMBERS, PREDICTION_FACTS
        case "signals":
            return SIGNAL_NUMBERS, SIGNAL_FACTS
        case "features" | "corrections":
            found = names.get(key.subject)
            return None if found is None else (("close", *found), ("available_time",))
        case _:
            return (), ("source_offset",) if key.subject else ("status",)


def _sheet(key: DigestKey, rows: Sequence[_Row], names: Names) -> Sheet:
    shape = _columns(key, names)
    if shape is None:
        raise KeyError(f"no names of columns are known for {key.subject}")
    columns, facts = shape
    return Sheet(
        symbols=tuple(row[0] for row in rows),
        keys=tuple(row[1] for row in rows),
        columns=columns,
        numbers=_numbers([row[2] for row in rows], len(columns)),
        fact_names=facts,
        facts=tuple(row[3] for row in rows),
        offsets=tuple(row[4] for row in rows),
    )


def _numbers(rows: Sequence[Sequence[Value]], width: int) -> F8Array:
    """A matrix with NaN for NULL; an array of another length than the set is wide is cut or filled."""
    found = np.full((len(rows), width), np.nan)
    for place, row in enumerate(rows):
        values = [np.nan if one is None else one for one in row[:width]]
        found[place, : len(values)] = values
    return found
