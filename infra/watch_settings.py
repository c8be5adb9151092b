"""Settings of what looks after models by the clock: retraining and the daily job."""

from datetime import time
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from infra.settings_group import Group
from pipeline.retraining.rules import RetrainingRules


class RetrainingSettings(Group):
    """When a new model is made, of how much data, and what becomes of it.

    drifted_features, drifted_psi: so many features with a PSI above that. stale_sessions: how old the newest PSI may
    be. degradation: share of the baseline that the mean IC may lose. sessions, minimum_sessions: it is the mean of so
    many of the last ones, of which the second number is needed. confidence: the loss must be beyond chance at this
    level, 0 for a plain comparison. severity: of the alerts that count. cooldown_days: so long after a new model no
    trigger makes another. span_days: how far back the data go, 0 for as far as those of the live model. mode: propose
    leaves the promotion to people. shadow: a proposed model runs beside the live one. scheduled: cycles are part of
    `run daily`.
    """

    drifted_features: int = Field(default=3, ge=1)
    drifted_psi: float = Field(default=0.2, gt=0)
    stale_sessions: int = Field(default=7, ge=1)
    degradation: float = Field(default=0.05, ge=0, lt=1)
    sessions: int = Field(default=20, ge=2, le=250)
    minimum_sessions: int = Field(default=10, ge=2)
    confidence: float = Field(default=0.95, ge=0, lt=1)
    severity: Literal["info", "warning", "severe", "urgent"] = "severe"
    cooldown_days: float = Field(default=5.0, ge=0)
    span_days: float = Field(default=0.0, ge=0)
    mode: Literal["propose", "promote"] = "propose"
    shadow: bool = False
    scheduled: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self.rules()
        return self

    def rules(self) -> RetrainingRules:
        """The same for the triggers."""
        return RetrainingRules(**self.model_dump(exclude={"span_days", "mode", "shadow", "scheduled"}))


class DailySettings(Group):
    """When the daily job runs, and how far its report looks back.

    at, zone: the time of day, in a zone of the IANA database. sessions: how many the plots show. keep: reports that
    stay in the folder, the newest ones.
    """

    at: time = time(6, 0)
    zone: str = "UTC"
    sessions: int = Field(default=60, ge=5, le=500)
    keep: int = Field(default=400, ge=1)

    @field_validator("at")
    @classmethod
    def _plain(cls, value: time) -> time:
        if value.tzinfo is not None:
            raise ValueError("give the time of day without a zone, and the zone as daily.zone")
        return value

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{value!r} is no zone that this machine knows; use one like Europe/Berlin") from None
        return value
