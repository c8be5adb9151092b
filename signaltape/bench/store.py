"""Speed of storing: whole rounds by the product's writers, beside psycopg's own row-by-row COPY of the same rows."""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from infra.settings import PostgresSettings, Settings
from infra.warehouse import Connection, connect, migrate
from infra.warehouse.bulk import Rows, copy_rows
from infra.warehouse.feature_rows import bar_rows, feature_rows
from infra.warehouse.prediction_rows import prediction_rows
from infra.warehouse.return_rows import return_rows
from pipeline.engine_types import StoredRows
from schemas.bars import BarBatch
from schemas.features import FeatureBatch, ReturnBatch
from schemas.intervals import MINUTE
from schemas.link import Link
from schemas.predictions import PredictionBatch

SYMBOLS, WIDTH, MESSAGES, ROUNDS = 125, 34, 40, 20
_START = 1_700_000_040 * 1_000_000_000
#: Table → its bulk rows, from the messages of one round.
Encode = Callable[[int], Rows]


def run(settings: Settings, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Measure each table in an empty database of its own on the configured server; the database is dropped after."""
    names = tuple(f"SYM{number}" for number in range(SYMBOLS))
    encoders: dict[str, Encode] = {
        "bars": lambda number: bar_rows([_bars(names, offset) for offset in _offsets(number)]),
        "features": lambda number: feature_rows([(_features(names, offset), 0, 1) for offset in _offsets(number)]),
        "returns": lambda number: return_rows(
            [(_returns(names, offset, horizon), 0, 1) for offset in _offsets(number) for horizon in (1, 5, 20)]
        ),
        "predictions": lambda number: prediction_rows(
            [(0, offset, _predictions(names, offset)) for offset in _offsets(number)]
        ),
    }
    tables = []
    with empty_database(settings) as own, connect(own, name="signaltape-bench") as connection:
        for table, encode in encoders.items():
            say(table)
            ours, rows = _measure(connection, encode)
            copied = connection.execute(sql.SQL("TABLE {}").format(sql.Identifier(table))).fetchall()
            theirs = _baseline(connection, table, copied)
            tables.append(
                {"table": table, "rows": rows, "rows_per_second": ours, "write_row": theirs, "ratio": ours / theirs}
            )
    return {"rows_a_commit": SYMBOLS * MESSAGES, "tables": tables}


def _measure(connection: Connection, encode: Encode) -> tuple[float, int]:
    """Rows per second, from messages to the commit, and rows."""
    rows, begun = 0, time.perf_counter()
    for number in range(ROUNDS):
        with connection.transaction():
            rows += copy_rows(connection, encode(number))
    return rows / (time.perf_counter() - begun), rows


def _baseline(connection: Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> float:
    """Rows per second of psycopg's `write_row`, text format, from ready Python rows, in commits of the same size."""
    name, size = sql.Identifier(table), SYMBOLS * MESSAGES
    connection.execute(sql.SQL("TRUNCATE {}").format(name))
    begun = time.perf_counter()
    for at in range(0, len(rows), size):
        with connection.transaction(), connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(name)) as copy:
            for row in rows[at : at + size]:
                copy.write_row(row)
    return len(rows) / (time.perf_counter() - begun)


@contextmanager
def empty_database(settings: Settings) -> Iterator[Settings]:
    """Settings with an empty database, its tables made, on the configured server; it is dropped after."""
    name = f"bench_{secrets.token_hex(4)}"
    dsn = make_conninfo(settings.postgres.dsn, dbname=name)
    with psycopg.connect(settings.postgres.dsn, autocommit=True) as outer:
        outer.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            own = settings.model_copy(update={"postgres": PostgresSettings(dsn=dsn)})
            migrate(own)
            yield own
        finally:
            outer.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _offsets(number: int) -> range:
    return range(number * MESSAGES, (number + 1) * MESSAGES)


def _bars(names: tuple[str, ...], offset: int) -> tuple[BarBatch, int, StoredRows, int, int]:
    time_, prices = _START + offset * MINUTE, np.linspace(10.0, 99.0, len(names)) + offset / 7
    batch = BarBatch(
        feed="bench", source="bench", interval="1m", event_time=time_, available_time=time_, symbols=names,
        open=prices, high=prices + 1, low=prices - 1, close=prices, volume=prices * 100,
        volume_valid=np.ones(len(names), dtype=bool),
    )  # fmt: skip
    kept = StoredRows(rows=np.arange(len(names)), status=np.zeros(len(names), dtype=np.uint8))
    return batch, offset, kept, 0, 1


def _features(names: tuple[str, ...], offset: int) -> FeatureBatch:
    time_, shape = _START + offset * MINUTE, (len(names), WIDTH)
    values = np.sin(np.arange(len(names) * WIDTH, dtype=np.float64) + offset).reshape(shape)
    return FeatureBatch(
        link=_link(offset), feature_set="core", set_version=1, set_hash="", width=WIDTH, interval="1m",
        event_time=time_, kind="live", symbols=names, values=values, valid=np.ones(shape, dtype=bool),
        close=values[:, 0], available_time=np.full(len(names), time_),
    )  # fmt: skip


def _returns(names: tuple[str, ...], offset: int, horizon: int) -> ReturnBatch:
    time_ = _START + offset * MINUTE
    return ReturnBatch(
        link=_link(offset), interval="1m", horizon=horizon, event_time=time_, available_time=time_, kind="live",
        symbols=names, prediction_time=np.full(len(names), time_ - horizon * MINUTE),
        log_return=np.sin(np.arange(len(names), dtype=np.float64) + offset),
    )  # fmt: skip


def _predictions(names: tuple[str, ...], offset: int) -> PredictionBatch:
    codes = np.zeros(len(names), dtype=np.uint8)
    return PredictionBatch(
        source_partition=0, source_position=(offset, 0), strategy="bench", model="bench", model_version=1,
        model_sha256="", role="live", feature_set="core", set_version=1, set_hash="", interval="1m", horizon=5,
        event_time=_START + offset * MINUTE, model_latency=1, deadline_missed=False, breaker_open=False,
        symbols=names, score=np.sin(np.arange(len(names), dtype=np.float64) + offset),
        confidence=np.full(len(names), 0.5), status=codes, direction=codes, outcome=codes,
    )  # fmt: skip


def _link(offset: int) -> Link:
    return Link(position=(offset, 0), last_part=0, previous=None)
