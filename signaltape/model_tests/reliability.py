"""Whether a confidence of 0.7 is right seven times in ten."""

from dataclasses import dataclass

import numpy as np

from schemas.fields import F8Array, I8Array
from signaltape.model_tests.report import Outcome
from signaltape.model_tests.subject import Subject, decided, not_applicable

_BINS = 10
#: Standard errors of a bin's hit rate that are put down to chance.
_CHANCE = 2.0
_FEWEST_BLOCKS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """Rows of like confidence: their mean confidence, the share whose sign was right, and that share's standard
    error."""

    rows: int
    confidence: float
    hit_rate: float
    error: float

    @property
    def distance(self) -> float:
        """Between confidence and hit rate."""
        return abs(self.confidence - self.hit_rate)


def reliability(subject: Subject) -> Outcome:
    """The expected calibration error, less what chance explains.

    Guo et al., *On calibration of modern neural networks* (2017), over bins of equal counts. From each bin's distance
    two standard errors of its hit rate are taken off: with 50 rows a bin, a perfect model shows distances of 0.07.
    """
    limits = subject.limits
    if subject.y is None or subject.event_time is None:
        return not_applicable("reliability", "no labels were given: it isn't known which signs were right")
    counted = subject.y != 0.0
    if np.count_nonzero(counted) < limits.reliability_rows:
        return not_applicable(
            "reliability", f"{np.count_nonzero(counted):,} rows with a sign; needed are {limits.reliability_rows:,}"
        )
    horizon = subject.scorer.manifest.horizon
    if (blocks := len(np.unique(subject.event_time)) // horizon) < _FEWEST_BLOCKS:
        return not_applicable(
            "reliability", f"{blocks} spans of time whose labels don't overlap; needed are {_FEWEST_BLOCKS}"
        )
    found = subject.scorer.score_rows(subject.rows[counted])
    right = (np.sign(found.score) == np.sign(subject.y[counted])).astype(np.float64)
    bins = reliability_bins(found.confidence, right, subject.event_time[counted], horizon)
    weights = np.array([one.rows for one in bins], dtype=np.float64)
    weights /= weights.sum()
    error = float(weights @ np.array([one.distance for one in bins]))
    excess = float(weights @ np.array([max(0.0, one.distance - _CHANCE * one.error) for one in bins]))
    return decided(
        "reliability",
        excess <= limits.miscalibration,
        f"mean distance of confidence and hit rate {error:.3f}, {excess:.3f} beyond chance "
        f"(limit {limits.miscalibration:g})",
        excess,
        limits.miscalibration,
        expected_calibration_error=error,
        bins=[[one.rows, one.confidence, one.hit_rate, one.error] for one in bins],
    )


def reliability_bins(confidence: F8Array, right: F8Array, event_time: I8Array, horizon: int) -> list[Bin]:
    """Up to ten bins of equal counts by confidence, all arrays of shape (n,); rows of one confidence share a bin.

    The standard errors are clustered (Liang and Zeger 1986) by blocks of ``horizon`` prediction times: labels overlap
    and symbols move together, so rows are not independent.
    """
    edges = np.unique(np.quantile(confidence, np.arange(1, _BINS) / _BINS))
    place = np.searchsorted(edges, confidence, side="left")
    _, at = np.unique(event_time, return_inverse=True)
    block = at // horizon
    found = []
    for number in np.unique(place):
        chosen = place == number
        share = float(right[chosen].mean())
        sums = np.bincount(block[chosen], weights=right[chosen] - share)
        count = int(np.count_nonzero(chosen))
        # One right or wrong row more keeps the error of a bin that is all right, or all wrong, above 0.
        floor = 1.0 / (count + 2.0)
        error = max(float(np.sqrt(np.sum(sums**2)) / count), floor)
        found.append(Bin(rows=count, confidence=float(confidence[chosen].mean()), hit_rate=share, error=error))
    return found
