"""All processes of the pipeline, seen from one place: who is there, who is ready, what waits, what moves.

    fleet = Fleet(load_settings())
    before = fleet.look()            # asks every process, all at once; milliseconds
    ...
    after = fleet.look()
    per_second = rates(before, after)
    for process in after.processes:
        process.service, process.state, process.unready(), process.waiting

A look never raises for what a process does: one that is gone is `down`, one that hangs is `silent`, and `error` says
why. `View.groups` tells what waits for each consumer group, as `signaltape run monitor` sees it. `samples` holds a
process's metrics by `Series` (name and sorted labels, as `/metrics` gives them); `Process.value` and `View.total` add
up those that match, `View.by_label` does so apart by one label. `rates` is pure, and forgives restarts in between.
"""

from signaltape.fleet.fleet import Fleet
from signaltape.fleet.rates import rate_of, rates
from signaltape.fleet.samples import Series
from signaltape.fleet.targets import Target, targets
from signaltape.fleet.view import Check, GroupWaiting, Process, View, Waiting

__all__ = [
    "Check",
    "Fleet",
    "GroupWaiting",
    "Process",
    "Series",
    "Target",
    "View",
    "Waiting",
    "rate_of",
    "rates",
    "targets",
]
