"""A monitor over whole logs, in a random interleaving of the lanes and through restarts."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.drift.config import DriftConfig
from pipeline.drift.monitor import DriftMonitor, SessionReport
from pipeline.drift.monitor_state import restore, snapshot
from pipeline.drift.training_reference import TrainingReference
from tests.support.drift_logs import Lane, Message


def interleaved(
    lanes: Mapping[Lane, Sequence[Message]],
    config: DriftConfig,
    reference: TrainingReference,
    *,
    seed: int = 0,
    stop_every: int = 0,
) -> tuple[list[SessionReport], DriftMonitor]:
    """Feed a random interleaving; with ``stop_every``, go through a snapshot each so many messages."""
    monitor, reports = DriftMonitor(config), list[SessionReport]()
    order = np.random.default_rng(seed).permutation([at for at, log in enumerate(lanes.values()) for _ in log])
    queues = [(lane, iter(log)) for lane, log in lanes.items()]
    for count, index in enumerate(order, start=1):
        lane, queue = queues[index]
        message = next(queue)
        unknown = monitor.unknown_model(message)
        if unknown is not None:
            monitor.learn(unknown, reference)
        reports.extend(monitor.step(lane, message))
        if stop_every and count % stop_every == 0:
            monitor = restore(config, snapshot(monitor))
    return reports, monitor
