"""Digests of rows as they are stored now, made with the same hashes as those of the messages that they came from."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from infra.warehouse.checkpoints import OFFSET_BITS
from infra.warehouse.connection import Connection
from infra.warehouse.digest_rows import RoundPlace
from infra.warehouse.moments import to_nanoseconds
from infra.warehouse.queries import queries
from infra.warehouse.stored_signals import signal_of
from pipeline.digests.content import CALL_TEXTS, FeatureColumns, PredictionColumns, signal_hashes
from pipeline.digests.digest import grouped
from pipeline.digests.tally import (
    CORRECTIONS,
    FEATURES,
    PREDICTIONS,
    SIGNALS,
    DigestKey,
    Tally,
    call_subject,
    set_subject,
)  # fmt: skip
from pipeline.digests.words import U8Array, words_of_texts
from schemas.fields import BoolArray, F8Array, I8Array

Row = tuple[Any, ...]
#: Digests by the place that they would have: partition, generation (0 where rows don't know it), arithmetic.
Tallies = dict[RoundPlace, Tally]
_ROWS = 5_000
#: What is canonical of a signal, in the order of its statement.
_SIGNAL = (
    "event_time", "partition", "signal_id", "symbol", "interval", "signal", "score", "confidence", "horizon",
    "reference_price", "position_scale", "strategy", "model", "model_version", "models", "expires_at", "reason",
)  # fmt: skip


def row_tallies(connection: Connection, values: dict[str, Any], stages: Sequence[str]) -> Tallies:
    """Digests of the stored rows of one interval; ``values``: what the queries of `digests.sql` ask for.

    Rows are read in pieces inside the caller's transaction; what stays is a digest per key and place.
    """
    found: Tallies = {}
    for stage in (one for one in (FEATURES, CORRECTIONS) if one in stages):
        writers = _Writers(connection, "live" if stage == FEATURES else "correction")
        for name, version, set_hash in connection.execute(queries("digests")["sets"]).fetchall():
            own = values | {"feature_set": name, "set_version": version}
            for rows in _pieces(connection, stage, own):
                _add_features(found, rows, (stage, name, version, set_hash, values["interval"]), writers)
    if PREDICTIONS in stages:
        for rows in _pieces(connection, PREDICTIONS, values):
            _add_predictions(found, rows)
    if SIGNALS in stages:
        for rows in _pieces(connection, SIGNALS, values):
            _add_signals(found, rows)
    return found


def _pieces(connection: Connection, name: str, values: dict[str, Any]) -> Iterator[list[Row]]:
    with connection.cursor(name=f"digest_{name}") as cursor:
        cursor.itersize = _ROWS
        cursor.execute(queries("digests")[name], values, binary=True)
        while rows := cursor.fetchmany(_ROWS):
            yield rows


class _Writers:
    """Which arithmetic made the rows of a kind, by partition and revision."""

    def __init__(self, connection: Connection, kind: str) -> None:
        self._begins: dict[int, list[tuple[int, str]]] = {}
        for own, partition, first, numerics in connection.execute(queries("digests")["writers"]):
            if own == kind:
                self._begins.setdefault(partition, []).append((first, numerics))

    def numerics(self, partition: int, revision: int) -> str:
        begins = self._begins.get(partition, [])
        at = bisect_right(begins, revision, key=lambda one: one[0])
        return begins[at - 1][1] if at else ""


def _add_features(found: Tallies, rows: list[Row], of: tuple[str, str, int, str, str], writers: _Writers) -> None:
    stage, name, version, set_hash, interval = of
    moments, partitions, revisions, symbols, closes, available, vectors = zip(*rows, strict=True)
    values, valid = _matrix(vectors)
    hashes = FeatureColumns(
        feature_set=name,
        set_version=version,
        set_hash=set_hash,
        interval=interval,
        symbol=words_of_texts(symbols),
        event_time=_microseconds(moments),
        available_time=_microseconds(available),
        close=np.array(closes, dtype=np.float64),
        values=values,
        valid=valid,
    ).hashes()
    subject = set_subject(name, version)

    def place(at: tuple[Any, int, int]) -> tuple[RoundPlace, DigestKey]:
        moment, partition, revision = at
        numerics = writers.numerics(partition, revision)
        where = RoundPlace(partition=partition, generation=revision >> OFFSET_BITS, next_offset=0, numerics=numerics)
        return where, DigestKey(stage, subject, interval, to_nanoseconds(moment))

    _add(found, hashes, list(zip(moments, partitions, revisions, strict=True)), place)


def _add_predictions(found: Tallies, rows: list[Row]) -> None:
    moments, partitions, *rest = zip(*rows, strict=True)
    texts, rest = rest[: len(CALL_TEXTS)], rest[len(CALL_TEXTS) :]
    versions, horizons, symbols, statuses, directions, outcomes, scores, confidences, numerics = rest
    hashes = PredictionColumns(
        call=np.concatenate([words_of_texts(column) for column in texts], axis=1),
        model_version=np.array(versions, dtype=np.int64),
        horizon=np.array(horizons, dtype=np.int64),
        event_time=_microseconds(moments),
        symbol=words_of_texts(symbols),
        status=words_of_texts(statuses),
        direction=words_of_texts(directions),
        outcome=words_of_texts(outcomes),
        score=np.array(scores, dtype=np.float64),
        confidence=np.array(confidences, dtype=np.float64),
    ).hashes()
    strategies, roles, models, _, _, intervals = texts

    def place(at: tuple[Any, ...]) -> tuple[RoundPlace, DigestKey]:
        moment, partition, strategy, role, model, version, interval, arithmetic = at
        subject = call_subject(strategy, model, version, role)
        where = RoundPlace(partition=partition, generation=0, next_offset=0, numerics=arithmetic)
        return where, DigestKey(PREDICTIONS, subject, interval, to_nanoseconds(moment))

    told = (moments, partitions, strategies, roles, models, versions, intervals, numerics)
    _add(found, hashes, list(zip(*told, strict=True)), place)


def _add_signals(found: Tallies, rows: list[Row]) -> None:
    def place(at: tuple[Any, int, str]) -> tuple[RoundPlace, DigestKey]:
        moment, partition, interval = at
        where = RoundPlace(partition=partition, generation=0, next_offset=0)
        return where, DigestKey(SIGNALS, "", interval, to_nanoseconds(moment))

    signals = [signal_of(dict(zip(_SIGNAL, row, strict=True))) for row in rows]
    _add(found, signal_hashes(signals), [(row[0], row[1], row[4]) for row in rows], place)


def _add(
    found: Tallies, hashes: U8Array, told: Sequence[Any], place: Callable[[Any], tuple[RoundPlace, DigestKey]]
) -> None:
    """Add rows; ``told``: what tells their places apart, of each row."""
    numbers: dict[Any, int] = {}
    group = np.array([numbers.setdefault(one, len(numbers)) for one in told])
    for one, digest in zip(numbers, grouped(hashes, group, len(numbers)), strict=True):
        where, key = place(one)
        found.setdefault(where, Tally()).add(key, digest)


def _matrix(vectors: Sequence[Sequence[float | None]]) -> tuple[F8Array, BoolArray]:
    """Values (n, width) and what of them isn't NULL. A NaN that was stored is a value: nobody derives one."""
    values = np.array(vectors, dtype=np.float64)
    valid = ~np.isnan(values)
    for row in np.flatnonzero(~valid.all(axis=1)).tolist():
        valid[row] = [one is not None for one in vectors[row]]
    return values, valid


def _microseconds(moments: Sequence[Any]) -> I8Array:
    return np.array([_micros(moment) for moment in moments], dtype=np.int64)


@lru_cache(maxsize=65_536)
def _micros(moment: Any) -> int:
    return to_nanoseconds(moment) // 1_000
