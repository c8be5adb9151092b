"""What the tests of a model allow."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Bounds of the tests, and how much they look at.

    ``largest_score``: log return over the horizon; 1.0 is a price that grows by e. ``latency_ms``: for the mean and
    for the 99th percentile of ``calls`` calls of ``cross_section`` rows each. ``noise``: absolute, on columns that the
    manifest names as irrelevant; and in standard deviations of each column, on all. The latter may move scores by
    ``mean_move`` on average and by ``tail_move`` at the 99th percentile, in standard deviations of the scores.
    ``miscalibration``: mean distance of confidence and hit rate, beyond what chance explains; told from at least
    ``reliability_rows`` rows. ``sample``: rows used where every row isn't needed.
    """

    largest_score: float = 1.0
    repeats: int = 5
    latency_ms: float = 100.0
    calls: int = 100
    cross_section: int = 500
    noise: float = 0.01
    mean_move: float = 0.10
    tail_move: float = 1.0
    miscalibration: float = 0.05
    reliability_rows: int = 200
    sample: int = 2_000
