"""Sequential change detection by e-values: a bound on false alarms that holds without a model of the data.

An *e-value* of a hypothesis is a number ≥ 0 whose expectation is at most one while the hypothesis holds. The
Shiryaev-Roberts e-detector of Shin, Ramdas and Rinaldo, *E-detectors: a nonparametric framework for sequential change
detection*, New England Journal of Statistics in Data Science 2 (2023), adds up the evidence of every possible onset:

    M_0 = 0,  M_t = (M_{t-1} + 1) e_t,  alarm and restart at M_t ≥ A.

While E[e_t | past] ≤ 1, M_t - t is a supermartingale, hence E[number of alarms up to t] ≤ t / A: at most one alarm in A
observations, on average, for ever, whatever the dependence within the past.

**Overlapping observations.** If only E[e_t | what was known ``lag`` observations earlier] ≤ 1 holds (labels that
overlap), the observations are dealt to ``lag`` streams in turn, each with a detector of its own and the same A. In
each, the expectation given its own past is at most one, so each raises at most (t / lag) / A alarms, all t / A. What
an observation is divided by must be known ``lag`` observations earlier as well. An alarm of one stream empties the
others too: that looks at what their next observation depends on, but it only takes evidence (all of it ≥ 0) away.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.fields import BoolArray, F8Array, I8Array


def symmetric_evidence(z: F8Array, stakes: F8Array) -> F8Array:
    """E-values 1 + tanh(stake · z), shape (charts, stakes), against "the median is at or below zero".

    ``z`` (charts,) is an observation in any units chosen before it was seen. An e-value if, given what was known
    before, z is distributed symmetrically about a point ≤ 0: tanh is odd and increasing, so E tanh(s z) ≤ 0. Neither
    variance nor tails matter. No single observation counts for more than a factor of two.

    >>> symmetric_evidence(np.array([0.0, 1.0, -1.0]), np.array([1.0])).round(3).tolist()
    [[1.0], [1.762], [0.238]]
    """
    evidence: F8Array = 1.0 + np.tanh(z[:, None] * stakes)
    return evidence


def bounded_evidence(z: F8Array, stakes: F8Array, cap: float) -> F8Array:
    """E-values exp(s · min(z, cap) - s² / 2), shape (charts, stakes), against "the mean is at or below zero".

    ``z`` (charts,) is an observation divided by its scale. An e-value if, given what was known before, z is
    sub-Gaussian with parameter 1 about a mean ≤ 0: E exp(s z) ≤ exp(s² / 2). Cutting at ``cap`` lowers it further, and
    keeps one wild observation from being an alarm.

    >>> bounded_evidence(np.array([0.0, 9.0]), np.array([1.0]), 3.0).round(3).tolist()
    [[0.607], [12.182]]
    """
    evidence: F8Array = np.exp(np.minimum(z, cap)[:, None] * stakes - stakes * stakes / 2)
    return evidence


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Look:
    """What one observation of all charts led to; arrays of shape (charts,).

    ``alarm``: the detector reached its threshold and began anew. ``evidence``: its value before that (0 where nothing
    was observed). ``onset``: session from which on the evidence grew (of the most likely single onset).
    """

    alarm: BoolArray
    evidence: F8Array
    onset: I8Array


class DetectorBank:
    """Shiryaev-Roberts e-detectors of many charts at once, each a mixture over stakes, dealt to ``lag`` streams.

    ``thresholds``, shape (charts,): the A of each chart; a mixture with equal weights of e-values is one itself.
    """

    def __init__(self, thresholds: F8Array, *, stakes: int, lag: int = 1) -> None:
        if lag < 1 or stakes < 1 or not (thresholds > 1).all():
            raise ValueError(f"lag {lag} and stakes {stakes} must be at least 1, every threshold above 1")
        charts = len(thresholds)
        self._thresholds = thresholds
        self._lag = lag
        self._turns: I8Array = np.zeros(charts, np.int64)
        self._sums: F8Array = np.zeros((lag, charts, stakes))
        self._best: F8Array = np.zeros((lag, charts, stakes))
        self._onsets: I8Array = np.zeros((lag, charts, stakes), np.int64)

    def step(self, session: int, evidence: F8Array, known: BoolArray) -> Look:
        """Take one e-value per chart and stake, shape (charts, stakes), where ``known`` (charts,); others wait."""
        (at,) = np.nonzero(known)
        streams = self._turns[at] % self._lag
        gained = evidence[at]
        best, onsets = self._best[streams, at], self._onsets[streams, at]
        onsets = np.where(best <= 1.0, session, onsets)
        best = np.maximum(best, 1.0) * gained
        sums = (self._sums[streams, at] + 1.0) * gained
        level = np.add.reduce(sums, axis=1) / sums.shape[1]
        alarms = level >= self._thresholds[at]
        likeliest = onsets[np.arange(len(at)), np.argmax(best, axis=1)]
        self._turns[at] += 1
        self._sums[streams, at] = sums
        self._best[streams, at], self._onsets[streams, at] = best, onsets
        self._restart(at[alarms])
        charts = len(self._thresholds)
        alarm, total, onset = np.zeros(charts, np.bool_), np.zeros(charts), np.full(charts, session, np.int64)
        alarm[at], total[at], onset[at] = alarms, level, likeliest
        return Look(alarm=alarm, evidence=total, onset=onset)

    def _restart(self, charts: npt.NDArray[np.intp]) -> None:
        """Forget the evidence of charts that alarmed, in all their streams."""
        self._sums[:, charts] = 0.0
        self._best[:, charts] = 0.0

    def snapshot(self) -> list[bytes]:
        """State as bytes, little-endian."""
        columns = (self._turns, self._sums, self._best, self._onsets)
        return [column.astype(column.dtype.newbyteorder("<")).tobytes() for column in columns]

    def restore(self, state: Any) -> None:
        """Take over a snapshot of a bank of the same form; raises ValueError for another form."""
        turns, sums, best, onsets = state
        self._turns = np.frombuffer(turns, "<i8").astype(np.int64).reshape(self._turns.shape)
        self._sums = np.frombuffer(sums, "<f8").astype(np.float64).reshape(self._sums.shape)
        self._best = np.frombuffer(best, "<f8").astype(np.float64).reshape(self._best.shape)
        self._onsets = np.frombuffer(onsets, "<i8").astype(np.int64).reshape(self._onsets.shape)
