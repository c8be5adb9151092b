"""Gauges with labels that show what is, and nothing of what was."""

from collections.abc import Mapping
from typing import TypeVar

from prometheus_client import Gauge

Labels = TypeVar("Labels", bound=tuple[str, ...])


class Shown:
    """A gauge whose series come and go: those that a look doesn't name any more are removed.

    Others keep their place meanwhile, so that a scrape in between finds them.
    """

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._labels: set[tuple[str, ...]] = set()

    def show(self, values: Mapping[Labels, float]) -> None:
        """Label values, in the gauge's order → value."""
        for labels, value in values.items():
            self._gauge.labels(*labels).set(value)
        for gone in self._labels - values.keys():
            self._gauge.remove(*gone)
        self._labels = set(values)
