"""What has been measured of each series lately, a line a day."""

from dataclasses import dataclass
from datetime import datetime

from infra.warehouse.connection import Connection
from infra.warehouse.queries import queries


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftDay:
    """One series on one session (its last instant); None: too little data. ``ic`` is the revised one if there is one.

    The flags say which kinds of alert the session raised.
    """

    strategy: str
    subject: str
    session: datetime
    ic: float | None
    ic_first: float | None
    ic_mean_5: float | None
    psi: float | None
    feature_psi_max: float | None
    sharpe_20: float | None
    hit_rate: float | None
    pnl: float | None
    ic_alert: bool
    psi_alert: bool
    sharpe_alert: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """A metric that a series' newest session has no number for, how many observations there were, and why."""

    strategy: str
    subject: str
    metric: str
    sample_size: int
    reason: str


def drift_days(connection: Connection, *, strategy: str | None, days: int) -> list[DriftDay]:
    """The last ``days`` sessions of each series, oldest first; of one strategy, or of all."""
    rows = connection.execute(queries("drift_report")["days"], {"strategy": strategy, "days": days})
    return [
        DriftDay(
            strategy=name, subject=subject, session=session, ic=ic, ic_first=first,
            ic_mean_5=mean, psi=psi, feature_psi_max=features, sharpe_20=sharpe, hit_rate=hit_rate, pnl=pnl,
            ic_alert=ic_alert, psi_alert=psi_alert, sharpe_alert=sharpe_alert,
        )
        for name, subject, session, first, ic, mean, psi, features, sharpe, hit_rate, pnl, ic_alert, psi_alert,
        sharpe_alert in rows
    ]  # fmt: skip


def missing_metrics(connection: Connection, *, strategy: str | None) -> list[Missing]:
    """What the newest session of each series has no number for."""
    rows = connection.execute(queries("drift_report")["missing"], {"strategy": strategy})
    return [
        Missing(strategy=name, subject=subject, metric=metric, sample_size=size, reason=reason or "not said")
        for name, subject, metric, size, reason in rows
    ]
