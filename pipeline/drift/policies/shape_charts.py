"""Charts on the shapes of distributions: of the score, or of all features at once."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.drift.bands import DIRECTIONS, SHAPE_OF_DIRECTION, Bands
from pipeline.drift.e_detector import DetectorBank, bounded_evidence
from pipeline.drift.policies.calibrated_settings import CalibratedSettings
from pipeline.drift.policies.finding import Member
from pipeline.drift.policies.spells import Spells
from pipeline.drift.results import Insufficient
from pipeline.drift.shape import SHAPE
from schemas.fields import BoolArray, F8Array

_DIRECTIONS = len(DIRECTIONS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """Rows whose spell opened, how many spells are open, and whether none was before."""

    members: tuple[Member, ...]
    open: int
    first: bool


class ShapeCharts:
    """Five charts for each of ``rows`` shapes; none where the reference is insufficient."""

    def __init__(
        self, policy: CalibratedSettings, bands: Bands | Insufficient | None, share: float, *, rows: int
    ) -> None:
        self._bands = bands if isinstance(bands, Bands) and rows else None
        self._stakes, self._cap = np.array(policy.shape_stakes), policy.cap
        self.budget = policy.budget * share
        self.threshold = policy.threshold(share, max(rows, 1) * _DIRECTIONS)
        charts = rows * _DIRECTIONS if self._bands else 0
        self._bank = DetectorBank(np.full(charts, self.threshold), stakes=len(self._stakes))
        self._spells = Spells(rows, quiet=policy.quiet)

    def look(self, session: int, shape: F8Array, known: BoolArray, names: tuple[str, ...]) -> Opened:
        """Take the shapes (rows, 3) of a session."""
        if self._bands is None:
            return Opened(members=(), open=0, first=False)
        z = self._bands.outside(shape).reshape(-1)
        seen = known[:, list(SHAPE_OF_DIRECTION)].reshape(-1)
        look = self._bank.step(session, bounded_evidence(z, self._stakes, self._cap), seen)
        alarms = look.alarm.reshape(-1, _DIRECTIONS)
        hit: BoolArray = np.logical_or.reduce(alarms, axis=1)
        opened, is_open = self._spells.take(session, hit)
        evidence = np.where(look.alarm, look.evidence, -1.0).reshape(-1, _DIRECTIONS)
        worst = evidence.argmax(axis=1)
        onsets = look.onset.reshape(-1, _DIRECTIONS)
        members = tuple(
            Member(
                name=names[row], value=float(evidence[row, worst[row]]), onset=int(onsets[row, worst[row]]),
                says=f"{DIRECTIONS[worst[row]]}: {SHAPE[SHAPE_OF_DIRECTION[worst[row]]]}"
                f" {shape[row, SHAPE_OF_DIRECTION[worst[row]]]:.4f}",
            )
            for row in np.flatnonzero(opened).tolist()
        )  # fmt: skip
        return Opened(members=members, open=int(is_open.sum()), first=bool(is_open.sum() == opened.sum()))

    def open_at(self, session: int) -> bool:
        """True if a spell of any row is open."""
        return bool(self._spells.open_at(session).any())

    def snapshot(self) -> Any:
        """State as plain values."""
        return [self._bank.snapshot(), self._spells.snapshot()]

    def restore(self, state: Any) -> None:
        """Inverse of ``snapshot``."""
        bank, spells = state
        self._bank.restore(bank)
        self._spells.restore(spells)
