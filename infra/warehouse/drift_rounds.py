"""What the drift agent writes: metrics, alerts, its state and its offsets, together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from infra.warehouse.alert_outbox import add_alerts
from infra.warehouse.checkpoints import advance_all
from infra.warehouse.connection import Connection
from infra.warehouse.errors import WarehouseError
from infra.warehouse.queries import queries
from pipeline.drift.metric import DriftMetric
from pipeline.drift.training_reference import TrainingReference, from_plain, to_plain
from schemas.alerts import Alert
from schemas.intervals import SECOND, session_end


@dataclass(frozen=True, kw_only=True)
class DriftRound:
    """One checkpoint. `places`: topic → (partition, epoch, next offset) of each of its partitions."""

    service: str
    key: str
    state: bytes
    places: Mapping[str, Sequence[tuple[int, int, int]]]
    metrics: Sequence[DriftMetric] = ()
    alerts: Sequence[Alert] = ()


def read_state(connection: Connection, service: str, key: str) -> bytes | None:
    """The state of the last round, None before the first."""
    row = connection.execute(queries("drift")["state"], {"service": service, "key": key}).fetchone()
    return None if row is None else bytes(row[0])


def write_drift_round(connection: Connection, one: DriftRound) -> None:
    """Write a round inside the caller's transaction; repeating it changes nothing.

    Raises StaleEpoch if another process has taken a partition since.
    """
    for topic, rounds in one.places.items():
        advance_all(connection, one.service, topic, rounds)
    named = queries("drift")
    connection.execute(named["follow"], {"service": one.service, "topics": list(one.places)})
    if one.metrics:
        connection.execute(named["add metrics"], metric_columns(one.metrics))
    if one.alerts:
        add_alerts(connection, one.alerts)
    connection.execute(named["save state"], {"service": one.service, "key": one.key, "state": one.state})


def training_reference(connection: Connection, model: str, version: int) -> TrainingReference:
    """What a registered model's drift is judged against; an empty one where the version isn't registered.

    Raises WarehouseError if the manifest holds something else under `psi_reference` or `drift_reference`.
    """
    row = connection.execute(queries("drift")["training reference"], {"model": model, "version": version}).fetchone()
    sketch, rest = (None, None) if row is None else row
    try:
        plain = _EMPTY if rest is None else orjson.loads(rest)
        return from_plain({**plain, "sketch": None if sketch is None else orjson.loads(sketch)})
    except (KeyError, TypeError, ValueError) as error:
        raise WarehouseError(
            f"model {model} version {version}: psi_reference or drift_reference in its manifest is unusable "
            f"({type(error).__name__}: {error}); register it again"
        ) from error


#: Of a model that was registered before there was more than the scores' sketch.
_EMPTY = to_plain(TrainingReference())


def metric_columns(metrics: Sequence[DriftMetric]) -> dict[str, list[Any]]:
    """Metrics as parameters of a query over `unnest`."""
    return {
        "policies": [one.policy for one in metrics],
        "strategies": [one.strategy for one in metrics],
        "subjects": [one.subject for one in metrics],
        "metrics": [one.metric for one in metrics],
        "sessions_s": [(session_end(one.session) if one.until is None else one.until) // SECOND for one in metrics],
        "verdicts": [one.verdict for one in metrics],
        "values": [one.value for one in metrics],
        "sample_sizes": [one.sample_size for one in metrics],
        "details": [orjson.dumps(one.detail).decode() for one in metrics],
    }
