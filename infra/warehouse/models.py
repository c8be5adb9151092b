"""Rows of the model registry: models, their artifacts, metrics and training runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from infra.warehouse.connection import Connection
from infra.warehouse.queries import queries
from infra.warehouse.training_runs import Metrics, RunEnd, finish_run
from pipeline.deployments import ModelRef

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelMetric:
    """One number about a model; ``dataset`` is train, validation, test, backtest or live."""

    dataset: str
    metric: str
    value: float
    higher_is_better: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelArtifact:
    """One file of a model; ``path`` is relative to the artifact folder."""

    kind: str
    path: str
    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingRun:
    """How a model was trained; ``data_from`` and ``data_to`` are event times in ns UTC."""

    run_id: str
    parameters: Mapping[str, Any]
    data_from: int
    data_to: int
    git_sha: str
    dataset_fingerprint: str
    started_at: datetime
    finished_at: datetime
    metrics: Metrics = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRow:
    """One version of a model; ``manifest`` as plain values. A removed one has no files any more."""

    name: str
    version: int
    manifest: Mapping[str, Any]
    created_at: datetime
    removed_at: datetime | None = None
    removed_by: str = ""
    removed_reason: str = ""


def next_version(connection: Connection, name: str, taken: int = 0) -> int:
    """Lock ``name`` until the transaction ends; return the version after its newest one and after ``taken``."""
    lock_name(connection, name)
    row = connection.execute(queries("models")["newest version"], (name,)).fetchone()
    return max(int(row[0]) if row else 0, taken) + 1


def lock_name(connection: Connection, name: str) -> None:
    """Lock ``name`` until the transaction ends."""
    connection.execute(queries("models")["lock name"], (name,))


def insert_model(connection: Connection, row: ModelRow, artifacts: Sequence[ModelArtifact]) -> None:
    """Insert a version with its files; ``created_at`` is the transaction's time."""
    named = queries("models")
    about = (str(row.manifest.get("strategy_type", "")), str(row.manifest.get("description", "")))
    connection.execute(named["insert model"], (row.name, row.version, *about, Jsonb(dict(row.manifest))))
    with connection.cursor() as cursor:
        cursor.executemany(
            named["insert artifact"],
            [(row.name, row.version, one.kind, one.path, one.sha256, one.size) for one in artifacts],
        )


def insert_metrics(connection: Connection, name: str, version: int, metrics: Sequence[ModelMetric]) -> None:
    """Append metrics of a version."""
    with connection.cursor() as cursor:
        cursor.executemany(
            queries("models")["insert metric"],
            [(name, version, one.dataset, one.metric, one.value, one.higher_is_better) for one in metrics],
        )


def insert_run(connection: Connection, name: str, version: int, run: TrainingRun) -> None:
    """The run that made a version: one that was begun is finished. Raises WarehouseError if it has ended before."""
    ended = {one.name: getattr(run, one.name) for one in fields(run)}
    finish_run(connection, RunEnd(name=name, version=version, **ended))


def find_model(connection: Connection, name: str, version: int) -> ModelRow | None:
    """One version, None if there is none."""
    row = connection.execute(queries("models")["get model"], (name, version)).fetchone()
    return None if row is None else _model(row)


def list_models(connection: Connection) -> list[ModelRow]:
    """All versions, by name and version."""
    return [_model(row) for row in connection.execute(queries("models")["list models"])]


def newest_versions(connection: Connection) -> dict[str, int]:
    """Name → newest version that wasn't removed, 0 if all were."""
    return {str(name): int(version) for name, version in connection.execute(queries("models")["names"])}


def best_models(
    connection: Connection, strategy_type: str, metric: str, dataset: str, *, higher_is_better: bool, limit: int = 1
) -> list[tuple[ModelRef, float]]:
    """The best versions of a strategy type by the newest value of a metric; removed ones don't count."""
    rows = connection.execute(
        queries("models")["best"],
        {
            "strategy_type": strategy_type,
            "metric": metric,
            "dataset": dataset,
            "higher_is_better": higher_is_better,
            "limit": limit,
        },
    )
    return [(ModelRef(name=name, version=version), float(value)) for name, version, value in rows]


def known_metrics(connection: Connection, strategy_type: str) -> dict[tuple[str, str], bool]:
    """(data set, metric) → whether higher is better, of all versions of a strategy type."""
    rows = connection.execute(queries("models")["known metrics"], (strategy_type,))
    return {(str(dataset), str(metric)): bool(better) for dataset, metric, better in rows}


def mark_removed(connection: Connection, ref: ModelRef, by: str, reason: str) -> None:
    """Take a version out of the registry; its rows stay."""
    connection.execute(queries("models")["remove"], (by, reason, ref.name, ref.version))


def insert_artifact(connection: Connection, ref: ModelRef, one: ModelArtifact) -> None:
    """Add one file of a version."""
    values = (ref.name, ref.version, one.kind, one.path, one.sha256, one.size)
    connection.execute(queries("models")["insert artifact"], values)


def artifacts_of(connection: Connection, name: str, version: int) -> list[ModelArtifact]:
    """Files of a version."""
    rows = connection.execute(queries("models")["artifacts"], (name, version))
    return [ModelArtifact(kind=kind, path=path, sha256=sha256, size=size) for kind, path, sha256, size in rows]


def metrics_of(connection: Connection, name: str, version: int) -> list[ModelMetric]:
    """Metrics of a version, by data set and name, oldest first."""
    rows = connection.execute(queries("models")["metrics"], (name, version))
    return [
        ModelMetric(dataset=dataset, metric=metric, value=value, higher_is_better=better)
        for dataset, metric, value, better in rows
    ]


def metric_times(connection: Connection, ref: ModelRef) -> list[tuple[str, int, datetime, datetime]]:
    """(data set, how often it was measured, first and last time) of a version, by data set."""
    return [(*row,) for row in connection.execute(queries("models")["metric times"], (ref.name, ref.version))]


def runs_of(connection: Connection, name: str, version: int) -> list[TrainingRun]:
    """Training runs that made a version (none for a model from elsewhere)."""
    rows = connection.execute(queries("models")["runs"], (name, version))
    return [
        TrainingRun(
            run_id=run_id,
            parameters=parameters,
            data_from=_ns(data_from),
            data_to=_ns(data_to),
            git_sha=git_sha,
            dataset_fingerprint=fingerprint,
            started_at=started,
            finished_at=finished,
            metrics=metrics,
        )
        for run_id, parameters, data_from, data_to, git_sha, fingerprint, metrics, started, finished in rows
    ]


def _model(row: tuple[Any, ...]) -> ModelRow:
    name, version, manifest, created_at, removed_at, removed_by, removed_reason = row
    return ModelRow(
        name=name,
        version=version,
        manifest=manifest,
        created_at=created_at,
        removed_at=removed_at,
        removed_by=removed_by,
        removed_reason=removed_reason,
    )


def _ns(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1_000
