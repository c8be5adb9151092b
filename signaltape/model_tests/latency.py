"""How long a call takes, on a machine that also does other things."""

import numpy as np

from schemas.fields import F8Array
from signaltape.model_tests.report import Outcome
from signaltape.model_tests.subject import Subject, decided


def latency(subject: Subject) -> Outcome:
    """Mean and 99th percentile of calls of one cross-section each.

    The limit is for the model. What other work on the machine takes from a call, while it waits for a processor, isn't
    counted, but reported beside; time in which a call sleeps or waits for something else is.
    """
    limits = subject.limits
    whole, own = _measured(subject)
    mean, high = float(own.mean()), float(np.quantile(own, 0.99))
    busy = float(np.quantile(whole, 0.99))
    return decided(
        "latency",
        mean <= limits.latency_ms and high <= limits.latency_ms,
        f"{limits.cross_section} rows: mean {mean:.2f} ms, p99 {high:.2f} ms (limit {limits.latency_ms:g} ms); "
        f"p99 with the waits for a processor {busy:.2f} ms",
        high,
        limits.latency_ms,
        mean_ms=mean,
        p99_ms=high,
        wall_mean_ms=float(whole.mean()),
        wall_p99_ms=busy,
        calls=len(own),
        rows=limits.cross_section,
    )


def _measured(subject: Subject) -> tuple[F8Array, F8Array]:
    """Times of calls in ms, from begin to end and without the waits for a processor.

    A model far beyond the limit ends it early: ten such calls say enough.
    """
    limits, watch = subject.limits, subject.stopwatch
    rows = np.resize(subject.sample, (limits.cross_section, subject.sample.shape[1]))
    whole: list[float] = []
    own: list[float] = []
    slow = 0
    while len(own) < limits.calls and slow < 10:
        start, queued = watch.read()
        subject.scorer.score_rows(rows)
        end, queued_after = watch.read()
        whole.append((end - start) / 1e6)
        own.append(max(0.0, (end - start - (queued_after - queued)) / 1e6))
        slow += own[-1] > limits.latency_ms
    return np.array(whole, dtype=np.float64), np.array(own, dtype=np.float64)
