"""Training runs as rows: begun, then finished or failed, each once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from infra.warehouse.connection import Connection
from infra.warehouse.errors import WarehouseError
from infra.warehouse.queries import queries

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: {data set: {metric: value}}
Metrics = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedRun:
    """A run in whatever state it is.

    ``status``: running, finished or failed; ``reason``: why it failed. ``version``: None if no version came of it.
    ``parent``: the run whose search this is a candidate of. ``worker``: host:pid of its process.
    """

    run_id: str
    name: str
    version: int | None
    status: str
    reason: str
    parameters: Mapping[str, Any]
    metrics: Metrics
    parent: str
    worker: str
    git_sha: str
    dataset_fingerprint: str
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStart:
    """What is known when a run begins."""

    run_id: str
    name: str
    parameters: Mapping[str, Any]
    git_sha: str
    started_at: datetime
    parent: str
    worker: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RunEnd:
    """What a finished run leaves; ``data_from`` and ``data_to`` are event times in ns UTC."""

    run_id: str
    name: str
    version: int | None
    parameters: Mapping[str, Any]
    data_from: int
    data_to: int
    git_sha: str
    dataset_fingerprint: str
    metrics: Metrics
    started_at: datetime
    finished_at: datetime


def begin_run(connection: Connection, start: RunStart) -> None:
    """Insert a running run."""
    connection.execute(
        queries("training_runs")["begin"],
        {
            "run_id": start.run_id,
            "name": start.name,
            "parameters": Jsonb(dict(start.parameters)),
            "git_sha": start.git_sha,
            "started_at": start.started_at,
            "parent": start.parent,
            "worker": start.worker,
        },
    )


def finish_run(connection: Connection, end: RunEnd) -> None:
    """Finish a running run, or insert a finished one; WarehouseError if it has ended before."""
    row = connection.execute(
        queries("training_runs")["finish"],
        {
            "run_id": end.run_id,
            "name": end.name,
            "version": end.version,
            "parameters": Jsonb(dict(end.parameters)),
            "data_from": to_time(end.data_from),
            "data_to": to_time(end.data_to),
            "git_sha": end.git_sha,
            "fingerprint": end.dataset_fingerprint,
            "metrics": Jsonb({name: dict(values) for name, values in end.metrics.items()}),
            "started_at": end.started_at,
            "finished_at": end.finished_at,
        },
    ).fetchone()
    if row is None:
        raise WarehouseError(f"the training run {end.run_id} has ended before: it can't make another version")


def fail_run(connection: Connection, run_id: str, reason: str) -> None:
    """A running run has failed; one that has ended stays as it is."""
    connection.execute(queries("training_runs")["fail"], {"run_id": run_id, "reason": reason})


def recorded_runs(connection: Connection, name: str = "") -> list[RecordedRun]:
    """Runs of a model's name, or all, oldest first."""
    rows = connection.execute(queries("training_runs")["list"], {"name": name})
    columns = tuple(RecordedRun.__dataclass_fields__)
    return [RecordedRun(**dict(zip(columns, row, strict=True))) for row in rows]


def to_time(ns: int) -> datetime:
    """A moment from ns UTC, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=ns // 1_000)
