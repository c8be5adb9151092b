"""Digests computed slowly, row by row, with Python's integers: what the kernel must agree with.

Rows are tuples of (kind of word, value), in the order of the canonical form; nothing here is shared with the kernel.
"""

import hashlib
import struct
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import psycopg

from schemas.features import FeatureBatch
from schemas.predictions import DIRECTIONS, OUTCOMES, STATUSES, PredictionBatch
from schemas.signals import Signal

M = 2**64
MASKED = 0x7FF4_7369_676E_616C

#: A row: its kind and its values. Texts count for two words, None is a masked value.
Row = tuple[str, list[str | int | float | None]]


def splitmix(x: int) -> int:
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % M
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % M
    return x ^ (x >> 31)


def words(value: str | int | float | None) -> list[int]:
    if value is None:
        return [MASKED]
    if isinstance(value, str):
        found = hashlib.blake2b(value.encode(), digest_size=16).digest()
        return list(struct.unpack("<QQ", found))
    return list(struct.unpack("<Q", struct.pack("<d", value) if isinstance(value, float) else struct.pack("<q", value)))


@cache
def constant(number: int) -> int:
    return splitmix((number + 1) * 0x9E3779B97F4A7C15 % M) | 1


def row_hash(row: Row) -> tuple[int, int]:
    kind, values = row
    first, second = words(kind)
    for number, word in enumerate(word for value in values for word in words(value)):
        mixed = splitmix(word)
        first += constant(2 * number) * mixed
        second += constant(2 * number + 1) * mixed
    return splitmix(first % M), splitmix(second % M)


def digest(rows: Iterable[Row]) -> tuple[int, int, int]:
    """(count, first lane, second lane)."""
    hashes = [row_hash(row) for row in rows]
    return len(hashes), sum(one[0] for one in hashes) % M, sum(one[1] for one in hashes) % M


def micros(time: int) -> int:
    return (time + 999) // 1000


def feature_rows(batch: FeatureBatch) -> list[Row]:
    found: list[Row] = []
    for row, symbol in enumerate(batch.symbols):
        values = [
            value if valid else None
            for value, valid in zip(batch.values[row].tolist(), batch.valid[row].tolist(), strict=True)
        ]
        own = (float(batch.close[row]), micros(int(batch.available_time[row])))
        named = (batch.feature_set, batch.set_hash, batch.set_version, batch.interval, micros(batch.event_time))
        found.append(("features", [*named, symbol, *own, *values]))
    return found


def prediction_rows(batch: PredictionBatch) -> list[Row]:
    call = (batch.strategy, batch.role, batch.model, batch.model_sha256, batch.experiment or "", batch.interval)
    numbers = (batch.model_version, batch.horizon, micros(batch.event_time))
    columns: Sequence[list[Any]] = [
        column.tolist() for column in (batch.status, batch.direction, batch.outcome, batch.score, batch.confidence)
    ]
    return [
        ("predictions", [*call, *numbers, symbol, STATUSES[status], DIRECTIONS[direction], OUTCOMES[outcome], *rest])
        for symbol, status, direction, outcome, *rest in zip(batch.symbols, *columns, strict=True)
    ]


def signal_rows(signals: Sequence[Signal]) -> list[Row]:
    return [
        (
            "signals",
            [
                one.signal_id, one.symbol, one.interval, one.signal, one.strategy, one.model, one.reason,
                "".join(f"{len(name)}:{name}" for name in one.models),
                micros(one.event_time), micros(one.expires_at), one.horizon, one.model_version,
                one.score, one.confidence, one.reference_price, one.position_scale,
            ],
        )
        for one in signals
    ]  # fmt: skip


class PlainTally:
    """Digests by (stage, subject, interval, event time in ns): (count, first lane, second lane)."""

    def __init__(self) -> None:
        self.digests: dict[tuple[str, str, str, int], tuple[int, int, int]] = {}

    def features(self, batch: FeatureBatch) -> None:
        stage = {"live": "features", "correction": "corrections"}[batch.kind]
        self._add((stage, f"{batch.feature_set}:{batch.set_version}"), batch, feature_rows(batch))

    def predictions(self, batch: PredictionBatch) -> None:
        subject = f"{batch.strategy}/{batch.model}:{batch.model_version}/{batch.role}"
        self._add(("predictions", subject), batch, prediction_rows(batch))

    def signal(self, one: Signal) -> None:
        self._add(("signals", ""), one, signal_rows([one]))

    def _add(self, stage: tuple[str, str], of: FeatureBatch | PredictionBatch | Signal, rows: list[Row]) -> None:
        if rows:
            key = (*stage, of.interval, of.event_time)
            count, first, second = self.digests.get(key, (0, 0, 0))
            more = digest(rows)
            self.digests[key] = count + more[0], (first + more[1]) % M, (second + more[2]) % M


def recorded(dsn: str, *stages: str) -> dict[tuple[str, str, str, int], tuple[int, int, int]]:
    """The digests that are stored, over all partitions and rounds, added up one by one."""
    query = (
        "SELECT stage, subject, interval, (extract(epoch FROM event_time) * 1000000)::bigint * 1000, row_count,"
        " first_lane, second_lane FROM digests WHERE stage = ANY (%s)"
    )
    found: dict[tuple[str, str, str, int], tuple[int, int, int]] = {}
    with psycopg.connect(dsn) as connection:
        for *key, count, first, second in connection.execute(query, [list(stages)]):
            before = found.get(tuple(key), (0, 0, 0))  # type: ignore[arg-type]
            found[tuple(key)] = before[0] + count, (before[1] + first) % M, (before[2] + second) % M  # type: ignore[index]
    return found
