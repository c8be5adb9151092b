"""What drift is measured on: the predictions of one model version in one use."""

from dataclasses import dataclass

from schemas.predictions import PredictionBatch


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Series:
    """One model version's predictions under one strategy, role, interval and horizon (bars).

    Versions are apart, so a swap starts new runs of days; roles are apart, so a shadow never raises a live alert.
    """

    strategy: str
    model: str
    version: int
    role: str
    interval: str
    horizon: int

    @property
    def subject(self) -> str:
        """Name of the series in metrics and alerts: ``score/<model>:<version>/<interval>/<horizon>/<role>``."""
        return f"score/{self.model}:{self.version}/{self.interval}/{self.horizon}/{self.role}"

    @property
    def acts(self) -> bool:
        """True if signals come from it, so that its drift is worth an alert."""
        return self.role != "shadow"

    @property
    def key(self) -> tuple[str, str, int, str, str, int]:
        """The fields in order: how a series travels in a snapshot."""
        return (self.strategy, self.model, self.version, self.role, self.interval, self.horizon)


def series_of(batch: PredictionBatch) -> Series:
    """Series that a batch of predictions belongs to."""
    return Series(
        strategy=batch.strategy,
        model=batch.model,
        version=batch.model_version,
        role=batch.role,
        interval=batch.interval,
        horizon=batch.horizon,
    )


def series_from(key: tuple[str, str, int, str, str, int]) -> Series:
    """Inverse of ``Series.key``."""
    strategy, model, version, role, interval, horizon = key
    return Series(strategy=strategy, model=model, version=version, role=role, interval=interval, horizon=horizon)


def series_of_subject(strategy: str, subject: str) -> Series:
    """Inverse of ``Series.subject``; raises ValueError for what is none.

    >>> series_of_subject("alpha", "score/ridge:3/1d/5/live").subject
    'score/ridge:3/1d/5/live'
    """
    kind, ref, interval, horizon, role = subject.split("/")
    model, colon, version = ref.rpartition(":")
    if kind != "score" or not colon:
        raise ValueError(f"{subject!r} is no subject of a series")
    return series_from((strategy, model, int(version), role, interval, int(horizon)))
