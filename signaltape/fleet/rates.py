"""Counters of two looks → counts per second between them."""

from collections.abc import Iterator, Mapping

from signaltape.fleet.samples import Series
from signaltape.fleet.view import Process, View

_COUNTERS = ("_total", "_count", "_sum", "_bucket")
_STARTED = Series("process_start_time_seconds")


def rates(before: View, after: View) -> dict[Series, float]:
    """Each counter's increase per second from `before` to `after`, added up over all processes; never negative.

    A process that restarted in between counts from zero: what it did before its death, after the first look, is not
    known and not made up. One that was not there at the first look begins at the second. {} if no time passed.
    """
    seconds = (after.at_ns - before.at_ns) / 1e9
    if seconds <= 0:
        return {}
    earlier = {(process.service, process.instance, process.host): process for process in before.processes}
    found: dict[Series, float] = {}
    for process in after.processes:
        known = earlier.get((process.service, process.instance, process.host))
        if known is None or not known.alive:
            continue
        for series, increase in _increases(known, process):
            found[series] = found.get(series, 0.0) + increase / seconds
    return found


def rate_of(per_second: Mapping[Series, float], name: str, **labels: str) -> float:
    """The sum of the rates of this name with these labels; 0.0 if there is none."""
    wanted = labels.items()
    return sum(rate for series, rate in per_second.items() if series.name == name and series.has(wanted))


def _increases(before: Process, after: Process) -> Iterator[tuple[Series, float]]:
    restarted = before.samples.get(_STARTED) != after.samples.get(_STARTED) or before.pid != after.pid
    for series, value in after.samples.items():
        if series.name.endswith(_COUNTERS):
            earlier = 0.0 if restarted else before.samples.get(series, 0.0)
            yield series, value - earlier if value >= earlier else value
