"""Measuring sessions again whose labels were corrected after they had closed."""

from infra.settings import Settings
from infra.warehouse import Connection, Warehouse
from infra.warehouse.drift_revisions import (
    CorrectedSession,
    Revision,
    add_revisions,
    corrected_sessions,
    mark_revised,
    matured_pairs,
    series_of_session,
    take_turns,
)
from pipeline.drift.config import DriftConfig
from pipeline.drift.ledger import Matured
from pipeline.drift.metric import DriftMetric, Place
from pipeline.drift.profit_report import direction_metrics, profit_metric
from pipeline.drift.report import coefficient_metric
from pipeline.drift.series import Series


def revise(settings: Settings, *, every: bool = False) -> list[Revision]:
    """Measure again, and record what changed; return it, sessions in order.

    For each session with corrections that were not seen (``every``: with any):

    1. read each series' pairs of that session with the labels of now;
    2. compute what depends on them, by the agent's own functions;
    3. add the metrics that differ from the last known value, and remember the corrections seen: one transaction, so a
       death before its end leaves the session to the next run. Runs at the same time take turns.

    Alerts stay: they say what was known when they were raised. Raises WarehouseUnavailable.
    """
    config = DriftConfig(
        partitions=settings.topics.partitions,
        minimum_names=settings.drift.minimum_names,
        confidence=settings.drift.confidence,
    )
    with Warehouse(settings, "signaltape-drift-revision") as warehouse:
        corrected = warehouse.run(lambda connection: corrected_sessions(connection, every=every))
        return [
            revision
            for one in corrected
            for revision in warehouse.run(lambda connection: _revised(connection, one, config))  # noqa: B023
        ]


def _revised(connection: Connection, one: CorrectedSession, config: DriftConfig) -> list[Revision]:
    """Steps 1 to 3 of one session, inside the caller's transaction."""
    take_turns(connection)
    metrics = [
        metric for series in series_of_session(connection, one) for metric in _measured(connection, series, one, config)
    ]
    found = add_revisions(connection, metrics) if metrics else []
    mark_revised(connection, one)
    return found


def _measured(
    connection: Connection, series: Series, one: CorrectedSession, config: DriftConfig
) -> tuple[DriftMetric, ...]:
    """IC, return and direction rates of one series; what needs other sessions too (means, Sharpe) is not revised."""
    matured = Matured(cross_sections=matured_pairs(connection, series, one), expired=0)
    place = Place(strategy=series.strategy, subject=series.subject, session=one.session)
    rates = direction_metrics(place, matured, None, config)
    return (
        coefficient_metric(place, matured, config),
        profit_metric(place, matured, series.horizon, config),
        *(metric for metric in rates if metric.metric != "hit_rate_degradation"),
    )
