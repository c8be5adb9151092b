"""What the console reads of models: versions, their calls, what was decided about them, how shadows differ."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from infra.warehouse.connection import Connection
from infra.warehouse.model_comparisons import Comparison, comparison
from infra.warehouse.model_stages import Approval, approval
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.queries import queries
from pipeline.deployments import ModelRef


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """One registered version. Of the newest run that made it: bar times of its data, its end, data set and source;
    None for a model from elsewhere.
    """

    name: str
    version: int
    strategy_type: str
    description: str
    created_at: datetime
    family: str | None
    feature_set: str
    set_version: int
    intervals: tuple[str, ...]
    horizon: int
    sha256: str
    data_from: datetime | None
    data_to: datetime | None
    trained_at: datetime | None
    dataset_fingerprint: str | None
    git_sha: str | None

    @property
    def ref(self) -> ModelRef:
        """Name and version."""
        return ModelRef(name=self.name, version=self.version)


@dataclass(frozen=True, kw_only=True, slots=True)
class Calls:
    """The newest calls of one model in one role: latencies in ms; ``shut``: partitions whose newest call was kept from
    the model by its open breaker.
    """

    strategy: str
    role: str
    model: str
    calls: int
    bars: int
    median_ms: float
    p99_ms: float
    missed: int
    breaker_calls: int
    shut: int
    newest: datetime
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CoursePoint:
    """One span of time, ``at`` its begin (ns UTC): rows compared, of those with other scores, other directions."""

    shadow: str
    at: int
    rows: int
    scores: int
    directions: int


def versions(connection: Connection, limit: int) -> tuple[list[Version], int]:
    """The newest ``limit`` versions that were not removed, newest first, and how many there are."""
    named = queries("console_models")
    names = tuple(one.name for one in fields(Version))  # in the order of the query's columns
    rows = connection.execute(named["versions"], {"limit": limit})
    found = [Version(**{**dict(zip(names, row, strict=True)), "intervals": tuple(row[8])}) for row in rows]
    count = connection.execute(named["count of versions"]).fetchone()
    return found, 0 if count is None else int(count[0])


def newest_metrics(connection: Connection, metrics: tuple[str, ...]) -> dict[ModelRef, dict[str, dict[str, float]]]:
    """Version → data set → metric → newest value, of the metrics named."""
    found: dict[ModelRef, dict[str, dict[str, float]]] = {}
    rows = connection.execute(queries("console_models")["newest metrics"], {"metrics": list(metrics)})
    for name, version, dataset, metric, value in rows:
        found.setdefault(ModelRef(name=name, version=version), {}).setdefault(dataset, {})[metric] = value
    return found


def newest_calls(connection: Connection, partitions: int, calls: int) -> list[Calls]:
    """Over the newest ``calls`` calls of each partition, by strategy, role and model."""
    values = {"partitions": partitions, "calls": calls}
    rows = connection.execute(queries("console_models")["newest calls"], values)
    return [
        Calls(
            strategy=strategy, role=role, model=f"{model}:{version}", calls=count, bars=bars, median_ms=median,
            p99_ms=p99, missed=missed, breaker_calls=kept, shut=shut, newest=newest, rows=symbols,
        )
        for strategy, role, model, version, count, bars, median, p99, missed, kept, shut, newest, symbols in rows
    ]  # fmt: skip


def approvals_of(connection: Connection, ref: ModelRef, limit: int) -> list[Approval]:
    """What was allowed with a version, newest first."""
    return [approval(row) for row in connection.execute(queries("console_models")["approvals of"], _about(ref, limit))]


def comparisons_of(connection: Connection, ref: ModelRef, limit: int) -> list[Comparison]:
    """Every comparison that a version was part of, as challenger or champion, newest first."""
    rows = connection.execute(queries("console_models")["comparisons of"], _about(ref, limit))
    return [comparison(row) for row in rows]


def newest_bar(connection: Connection, strategy: str, partitions: int) -> int | None:
    """Bar time (ns UTC) of the newest stored call of a strategy, None without any."""
    values = {"strategy": strategy, "partitions": partitions}
    row = connection.execute(queries("console_models")["newest bar of strategy"], values).fetchone()
    return None if row is None or row[0] is None else to_nanoseconds(row[0])


def shadow_course(
    connection: Connection, strategy: str, *, after: int, until: int, width: timedelta, tolerance: float
) -> list[CoursePoint]:
    """How a strategy's shadows differ in spans of ``width``, over bars with after < event_time <= until (ns UTC)."""
    values: Mapping[str, Any] = {
        "strategy": strategy, "start": to_moment(after), "end": to_moment(until), "width": width,
        "tolerance": tolerance,
    }  # fmt: skip
    rows = connection.execute(queries("console_models")["shadow course"], values)
    return [
        CoursePoint(shadow=shadow, at=at * 1_000, rows=count, scores=scores, directions=directions)
        for shadow, at, count, scores, directions in rows
    ]


def _about(ref: ModelRef, limit: int) -> dict[str, Any]:
    return {"name": ref.name, "version": ref.version, "limit": limit}
