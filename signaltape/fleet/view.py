"""What one look at the pipeline saw."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from signaltape.fleet.samples import Samples, Series, total
from signaltape.service_table import PIPELINE

State = Literal["ready", "not ready", "silent", "down"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One dependency or condition of a process, as `/ready` tells it."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """Messages that wait for a process on one partition."""

    topic: str
    partition: int
    messages: int


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupWaiting:
    """What waits for a consumer group on one topic, as the monitor tells it: seconds is the age of the oldest."""

    group: str
    topic: str
    messages: int
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """One process. alive: it answered. checks, lag, samples: empty unless it did.

    pid: None where settings name the process. samples: its metrics by `Series`. error: why there is no answer, or less
    of one; "" if there is nothing to say. exists: None where it can't be known from here.
    """

    service: str
    instance: int
    host: str
    port: int
    pid: int | None = None
    exists: bool | None = None
    alive: bool = False
    ready: bool = False
    checks: tuple[Check, ...] = ()
    lag: tuple[Waiting, ...] = ()
    samples: Samples = field(default_factory=dict, repr=False)
    error: str = ""

    @property
    def name(self) -> str:
        """`features` for the first instance, `features-1` for the second."""
        return self.service if self.instance == 0 else f"{self.service}-{self.instance}"

    @property
    def state(self) -> State:
        """ready, not ready; silent: it exists and does not answer in time; down: nothing is there."""
        if self.alive:
            return "ready" if self.ready else "not ready"
        return "silent" if self.exists else "down"

    @property
    def waiting(self) -> int:
        """Messages that wait for it, over all of its partitions."""
        return sum(one.messages for one in self.lag)

    def unready(self) -> tuple[Check, ...]:
        """What keeps it from being ready."""
        return tuple(check for check in self.checks if not check.ok)

    def value(self, name: str, **labels: str) -> float | None:
        """The sum of its series of this name with these labels; None if it has none."""
        return total(self.samples, name, labels)


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """All processes at one moment (ns since 1970, this machine's clock), by service and instance."""

    at_ns: int
    processes: tuple[Process, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Services that bars flow through, of which no process answers."""
        there = {process.service for process in self.processes if process.alive}
        return tuple(name for name in PIPELINE if name not in there)

    def of(self, service: str) -> tuple[Process, ...]:
        """The processes of one service."""
        return tuple(process for process in self.processes if process.service == service)

    def total(self, name: str, **labels: str) -> float | None:
        """The sum over all processes of the series of this name with these labels; None if nobody has one."""
        values = [value for process in self.processes if (value := process.value(name, **labels)) is not None]
        return sum(values) if values else None

    def by_label(self, name: str, label: str) -> Mapping[str, float]:
        """The same, apart for each value of one label."""
        found: dict[str, float] = {}
        for process in self.processes:
            for series, value in process.samples.items():
                if series.name == name:
                    key = dict(series.labels).get(label, "")
                    found[key] = found.get(key, 0.0) + value
        return found

    def worst(self, name: str, label: str) -> Mapping[str, float]:
        """The largest value that any process gives a gauge, apart for each value of one label."""
        found: dict[str, float] = {}
        for series, value in self._largest(name).items():
            key = dict(series.labels).get(label, "")
            found[key] = max(value, found.get(key, value))
        return found

    def groups(self) -> tuple[GroupWaiting, ...]:
        """What waits for each consumer group and topic; () where no monitor runs, or Kafka is away."""
        messages: dict[tuple[str, str], float] = {}
        seconds: dict[tuple[str, str], float] = {}
        for series, value in self._largest("kafka_consumergroup_lag").items():
            labels = dict(series.labels)
            key = (labels["consumergroup"], labels["topic"])
            messages[key] = messages.get(key, 0.0) + value
        for series, value in self._largest("kafka_consumergroup_lag_seconds").items():
            labels = dict(series.labels)
            key = (labels["consumergroup"], labels["topic"])
            seconds[key] = max(seconds.get(key, 0.0), value)
        return tuple(
            GroupWaiting(group=group, topic=topic, messages=round(count), seconds=seconds.get((group, topic), 0.0))
            for (group, topic), count in sorted(messages.items())
        )

    def _largest(self, name: str) -> dict[Series, float]:
        """Each series of a name once, with the largest value that any process gives it."""
        found: dict[Series, float] = {}
        for process in self.processes:
            for series, value in process.samples.items():
                if series.name == name:
                    found[series] = max(value, found.get(series, value))
        return found
