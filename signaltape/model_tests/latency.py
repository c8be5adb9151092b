"""How long a call takes."""

import numpy as np

from signaltape.model_tests.report import Outcome
from signaltape.model_tests.subject import Subject, decided


def latency(subject: Subject) -> Outcome:
    """Mean and 99th percentile of calls of one cross-section each.

    The limit is for the model; other work on the machine delays single calls. So a round that misses it is measured
    again, a few times at most, and the report says how many rounds it took.
    """
    limits = subject.limits
    rounds, ok = 0, False
    while not ok and rounds < limits.latency_rounds:
        times = _round(subject)
        mean, high = float(times.mean()), float(np.quantile(times, 0.99))
        rounds, ok = rounds + 1, mean <= limits.latency_ms and high <= limits.latency_ms
    return decided(
        "latency",
        ok,
        f"{limits.cross_section} rows: mean {mean:.2f} ms, p99 {high:.2f} ms (limit {limits.latency_ms:g} ms)",
        high,
        limits.latency_ms,
        mean_ms=mean,
        p99_ms=high,
        calls=len(times),
        rows=limits.cross_section,
        rounds=rounds,
    )


def _round(subject: Subject) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Times of calls in ms. A model far beyond the limit ends it early: ten such calls say enough."""
    limits = subject.limits
    rows = np.resize(subject.sample, (limits.cross_section, subject.sample.shape[1]))
    times: list[float] = []
    slow = 0
    while len(times) < limits.calls and slow < 10:
        start = subject.clock()
        subject.scorer.score_rows(rows)
        times.append((subject.clock() - start) / 1e6)
        slow += times[-1] > limits.latency_ms
    return np.array(times, dtype=np.float64)
