"""Quantiles out of a Prometheus histogram's buckets."""

import math
from collections.abc import Mapping

from signaltape.fleet import Series


def buckets_of(values: Mapping[Series, float], name: str, **labels: str) -> dict[float, float]:
    """Upper bound (infinity for the last) → count at or below it, over all series with these labels."""
    wanted, found = labels.items(), dict[float, float]()
    for series, value in values.items():
        if series.name == f"{name}_bucket" and series.has(wanted):
            bound = float(dict(series.labels)["le"])
            found[bound] = found.get(bound, 0.0) + value
    return dict(sorted(found.items()))


def quantile(buckets: Mapping[float, float], share: float) -> float | None:
    """The value below which ``share`` of the observations lie, linear within a bucket, as Prometheus computes it.

    None without observations. Where it lies in the last bucket, that one's lower bound: it is at least so much.

    >>> quantile({0.1: 5.0, 0.2: 10.0, math.inf: 10.0}, 0.75)
    0.15...
    >>> quantile({0.1: 0.0, math.inf: 4.0}, 0.5)
    0.1
    """
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0.0
    if total <= 0.0:
        return None
    wanted, below, lower = share * total, 0.0, 0.0
    for bound in bounds:
        count = buckets[bound]
        if count >= wanted:
            if math.isinf(bound):
                return lower
            return lower + (bound - lower) * (wanted - below) / (count - below) if count > below else bound
        below, lower = count, bound
    return lower
