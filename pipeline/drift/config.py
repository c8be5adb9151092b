"""Settings of drift monitoring."""

from dataclasses import dataclass, field

from pipeline.drift.policies.calibrated import CalibratedPolicy
from pipeline.drift.policies.finding import Policy


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftConfig:
    """What the monitor needs to know beside the messages.

    ``partitions`` is the number of partitions of ``predictions`` and ``returns``. ``minimum_names`` is how many
    symbols a cross-section (IC) or a day (PSI) needs before a number is given. ``lookback`` is how many sessions
    with an IC are remembered as evidence. ``policy`` decides what becomes an alert. ``adopt_chains``: the first link of
    each partition of ``returns`` is taken whatever it follows; only for a state begun anew in the middle of the log,
    after a repair.
    """

    partitions: int
    minimum_names: int = 20
    lookback: int = 60
    confidence: float = 0.95
    adopt_chains: bool = False
    policy: Policy = field(default_factory=CalibratedPolicy)

    def __post_init__(self) -> None:
        if self.partitions < 1 or self.minimum_names < 4 or self.lookback < 5 or not 0 < self.confidence < 1:
            raise ValueError(f"{self}: partitions >= 1, minimum_names >= 4, lookback >= 5, 0 < confidence < 1")
