"""The chart on a series' daily IC."""

from typing import Any

import numpy as np

from pipeline.drift.e_detector import DetectorBank, Look, symmetric_evidence
from pipeline.drift.policies.calibrated_settings import CalibratedSettings
from pipeline.drift.policies.spells import Spells
from pipeline.drift.training_reference import TrainingReference


class CoefficientChart:
    """One chart on the daily IC; its scale is learnt from sessions that share no label with the one it is used on."""

    def __init__(self, policy: CalibratedSettings, reference: TrainingReference) -> None:
        self.held_out = reference.ic
        usable = reference.ic is not None and reference.ic > 0 and reference.ic_scale is not None
        self.floor = policy.floor * (reference.ic or 0.0)
        self._usable = usable
        self._memory = 1.0 / policy.scale_memory
        self._square = (reference.ic_scale or 1.0) ** 2
        self._stakes = np.array(policy.ic_stakes)
        self._lag = reference.overlap
        threshold = np.array([policy.threshold(policy.shares.ic)])
        self._bank = DetectorBank(threshold, stakes=len(self._stakes), lag=reference.overlap)
        self._spells = Spells(1, quiet=policy.quiet * reference.overlap)
        self._recent: list[tuple[int, float]] = []
        self._keep = policy.scale_memory * reference.overlap

    def look(self, session: int, value: float) -> Look | None:
        """Take a daily IC; return the look if it opened a spell."""
        if not self._usable:
            return None
        z = np.array([(self.floor - value) / self._square**0.5])
        look = self._bank.step(session, symmetric_evidence(z, self._stakes), np.ones(1, np.bool_))
        self._recent = [*self._recent, (session, value)][-self._keep :]
        # The e-value needs a scale that was known ``lag`` observations before: newer values share labels with the next.
        if len(self._recent) >= self._lag:
            _, known = self._recent[-self._lag]
            self._square += self._memory * ((known - self.floor) ** 2 - self._square)
        opened, _ = self._spells.take(session, look.alarm)
        return look if opened[0] else None

    def mean_since(self, onset: int) -> float:
        """Mean of the ICs kept from ``onset`` on."""
        values = [value for session, value in self._recent if session >= onset]
        return float(np.add.accumulate(values)[-1] / len(values))

    def open_at(self, session: int) -> bool:
        """True if a spell is open."""
        return bool(self._spells.open_at(session)[0])

    def snapshot(self) -> Any:
        """State as plain values."""
        return [self._square, self._bank.snapshot(), self._spells.snapshot(), self._recent]

    def restore(self, state: Any) -> None:
        """Inverse of ``snapshot``."""
        self._square, bank, spells, recent = state
        self._bank.restore(bank)
        self._spells.restore(spells)
        self._recent = [(int(session), float(value)) for session, value in recent]
