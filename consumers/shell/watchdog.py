"""Progress, not liveness: a partition whose position stands still while messages wait ends the process."""

import threading
import time
from collections.abc import Callable, Mapping

import structlog
from confluent_kafka import KafkaException

from consumers.shell.errors import StalledError
from consumers.shell.handler import TopicPartition
from consumers.shell.log_probe import LogProbe

_log = structlog.get_logger()
Report = Callable[[TopicPartition, int, int], None]


class Stillness:
    """Since when each partition has stood at its position. Time is an argument (seconds, monotonic).

    It gets the partitions before which messages wait: a log that was quiet for the limit is no reason to end a
    process at its next message.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._since: dict[TopicPartition, tuple[int, float]] = {}

    def observe(self, positions: Mapping[TopicPartition, int], now: float, *, excused: bool) -> list[TopicPartition]:
        """Return the partitions that have stood for the limit; ``excused`` starts every clock anew."""
        known = {} if excused else self._since
        self._since = {
            key: known[key] if key in known and known[key][0] == position else (position, now)
            for key, position in positions.items()
        }
        return [key for key, (_, since) in self._since.items() if now - since >= self._limit_s]


class Watchdog(threading.Thread):
    """Compares positions with what really stands in the log, through a client of its own.

    ``error`` is set, once, when messages wait and nothing moved for the limit. While ``excuse()`` names something
    that is waited for, or Kafka doesn't answer, no clock runs. ``report`` gets partition, position and lag; once more,
    with a lag of 0, for a partition that was given away. ``quiet`` holds (position, end) of partitions that were seen
    to hold no message from the one to the other.
    """

    def __init__(
        self,
        probe: LogProbe,
        limit_s: float,
        *,
        positions: Callable[[], Mapping[TopicPartition, int]],
        excuse: Callable[[], str | None],
        report: Report | None = None,
    ) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._probe, self._limit_s = probe, limit_s
        self._positions, self._excuse, self._report = positions, excuse, report
        self._end = threading.Event()
        #: Where a partition stood at the last look, and the lag that was told.
        self._told: dict[TopicPartition, tuple[int, int, int]] = {}
        self.quiet: Mapping[TopicPartition, tuple[int, int]] = {}
        self.error: StalledError | None = None

    def stop(self) -> None:
        """End the thread."""
        self._end.set()
        self.join(10.0)

    def run(self) -> None:
        """Look about eight times per limit."""
        stillness = Stillness(self._limit_s)
        while not self._end.wait(min(self._limit_s / 8, 5.0)) and self.error is None:
            try:
                self._look(stillness, time.monotonic())
            except KafkaException as error:
                _log.warning("log ends unknown", error=str(error))
                stillness = Stillness(self._limit_s)
        self._probe.close()

    def _look(self, stillness: Stillness, now: float) -> None:
        excused = self._excuse() is not None
        waiting = self._look_at_lags(dict(self._positions()))
        for key in stillness.observe(waiting, now, excused=excused):
            self._examine(key, waiting[key])

    def _look_at_lags(self, positions: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Tell every lag; the positions before which messages wait."""
        quiet = {key: self.quiet[key] for key in positions if key in self.quiet}
        waiting = {}
        for key, position in positions.items():
            lag = self._lag(key, position, quiet)
            self._tell(key, position, lag)
            if lag:
                waiting[key] = position
        for gone in self._told.keys() - positions.keys():
            # Another process's by now: what waited there would else stand here for ever.
            self._tell(gone, self._told.pop(gone)[0], 0)
        self.quiet = quiet  # all at once, so that what follows from it happens once for all partitions
        return waiting

    def _lag(self, key: TopicPartition, position: int, quiet: dict[TopicPartition, tuple[int, int]]) -> int:
        """Messages that wait: none, where a partition that stands has only ends of transactions before it."""
        stood, ended, told = self._told.get(key, (-1, -1, 0))
        end = self._probe.ends(key)[1]
        lag = max(end - position, 0)
        if lag and stood == position:
            if ended == end and not told:
                lag = 0
            elif not self._probe.missing(key, position, end):
                lag, quiet[key] = 0, (position, end)
        self._told[key] = (position, end, lag)
        return lag

    def _tell(self, key: TopicPartition, position: int, lag: int) -> None:
        if self._report is not None:
            self._report(key, position, lag)

    def _examine(self, key: TopicPartition, position: int) -> None:
        if self._probe.ends(key)[1] > position and self._probe.first_from(key, position) is not None:
            self.error = StalledError(
                f"{key[0]} partition {key[1]} has stood at {position} for {self._limit_s:g} s although messages wait; "
                f"the process ends so that a restart joins the group anew"
            )
