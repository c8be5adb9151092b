"""One number about one subject on one session day."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.drift.results import Insufficient

#: Name under which numbers are kept that no policy made.
METRICS = "metrics"


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftMetric:
    """One number, or the statement that there is too little data for it, about one subject on one session day.

    ``value`` is None exactly where ``verdict`` is ``insufficient``. ``session`` counts days since the Unix epoch.
    ``until`` is the last instant (ns UTC) of what was measured where that is a part of the session; None: its end.
    """

    policy: str = METRICS
    strategy: str
    subject: str
    metric: str
    session: int
    verdict: str
    value: float | None
    sample_size: int
    detail: Mapping[str, Any] = field(default_factory=dict)
    until: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Whose metric it is: strategy, subject and session, or the part of it that ends at ``until``."""

    strategy: str
    subject: str
    session: int
    until: int | None = None

    def insufficient(self, metric: str, result: Insufficient, detail: Mapping[str, Any]) -> DriftMetric:
        """Metric without a number, and why."""
        why = {**detail, "minimum": result.minimum, "reason": result.reason}
        return self._metric(metric, "insufficient", None, result.n, why)

    def number(self, metric: str, value: float, *, band: str, size: int, detail: Mapping[str, Any]) -> DriftMetric:
        """Metric with a number; ``size`` is how many observations it rests on."""
        return self._metric(metric, band, value, size, detail)

    def _metric(
        self, metric: str, verdict: str, value: float | None, size: int, detail: Mapping[str, Any]
    ) -> DriftMetric:
        return DriftMetric(
            strategy=self.strategy, subject=self.subject, metric=metric, session=self.session, verdict=verdict,
            value=value, sample_size=size, detail=detail, until=self.until,
        )  # fmt: skip
