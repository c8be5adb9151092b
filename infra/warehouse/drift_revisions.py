"""Drift metrics after labels were corrected: which sessions, the pairs as they are known now, and what changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import numpy as np

from infra.warehouse.connection import Connection
from infra.warehouse.drift_rounds import metric_columns
from infra.warehouse.moments import to_nanoseconds
from infra.warehouse.queries import queries
from pipeline.drift.ledger import CrossSection
from pipeline.drift.metric import DriftMetric
from pipeline.drift.series import Series, series_of_subject
from schemas.intervals import session_of


@dataclass(frozen=True, kw_only=True, slots=True)
class CorrectedSession:
    """A session (its last instant) in which ``corrections`` labels of one interval and horizon were corrected."""

    interval: str
    horizon: int
    moment: datetime
    corrections: int

    @property
    def session(self) -> int:
        """Days since the Unix epoch."""
        return session_of(to_nanoseconds(self.moment))


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """A metric that changed: ``first`` as the agent measured it, ``value`` as of now; None is insufficient."""

    strategy: str
    subject: str
    metric: str
    session: datetime
    revision: int
    first: float | None
    value: float | None


def corrected_sessions(connection: Connection, *, every: bool) -> list[CorrectedSession]:
    """Sessions with corrections that no revision has seen; ``every``: all with corrections."""
    rows = connection.execute(queries("drift_revisions")["corrected sessions"], {"all": every})
    return [
        CorrectedSession(interval=interval, horizon=horizon, moment=moment, corrections=corrections)
        for interval, horizon, moment, corrections in rows
    ]


def take_turns(connection: Connection) -> None:
    """Wait until no other transaction revises, and keep others waiting until this one ends."""
    connection.execute(queries("drift_revisions")["take turns"])


def series_of_session(connection: Connection, one: CorrectedSession) -> list[Series]:
    """Series of the corrected interval and horizon whose IC was measured in the session."""
    rows = connection.execute(queries("drift_revisions")["series of a session"], {"session": one.moment})
    found = [series_of_subject(strategy, subject) for strategy, subject in rows]
    return [series for series in found if (series.interval, series.horizon) == (one.interval, one.horizon)]


def matured_pairs(connection: Connection, series: Series, one: CorrectedSession) -> tuple[CrossSection, ...]:
    """What matured for a series in the session, with the labels of now, by time and symbol as the agent has it."""
    keys = {
        "interval": one.interval, "horizon": one.horizon, "session": one.moment, "strategy": series.strategy,
        "model": series.model, "version": series.version, "role": series.role,
    }  # fmt: skip
    rows = connection.execute(queries("drift_revisions")["matured pairs"], keys).fetchall()
    return tuple(
        CrossSection(
            prediction_time=int(time) * 1_000,
            symbols=tuple(row[1] for row in found),
            scores=np.array([row[2] for row in found], np.float64),
            log_returns=np.array([row[3] for row in found], np.float64),
        )
        for time, group in groupby(rows, key=lambda row: row[0])
        for found in [list(group)]
    )


def add_revisions(connection: Connection, metrics: Sequence[DriftMetric]) -> list[Revision]:
    """Add the metrics that differ from what is known; equal ones add nothing."""
    columns = metric_columns(metrics)
    del columns["policies"]
    rows = connection.execute(queries("drift_revisions")["add revisions"], columns).fetchall()
    return [
        Revision(
            strategy=strategy, subject=subject, metric=metric, session=session, revision=revision, first=first,
            value=value,
        )
        for strategy, subject, metric, session, revision, value, first in rows
    ]  # fmt: skip


def mark_revised(connection: Connection, one: CorrectedSession) -> None:
    """Remember how many corrections a session's revision has seen."""
    connection.execute(
        queries("drift_revisions")["mark revised"],
        {"interval": one.interval, "horizon": one.horizon, "session": one.moment, "corrections": one.corrections},
    )
