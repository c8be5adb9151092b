"""One look from outside: consumer groups, dead letters, retention, the online store's mark, sizes and disks.

Whatever is away is said to be away (`/ready`, `signaltape_dependency_up`), and its series are gone until it is back:
a number that nobody can vouch for is worse than none.
"""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from infra.broker.errors import BrokerError
from infra.broker.group_watch import Bounds, GroupWatch, Place
from infra.online import OnlineStore, OnlineUnavailable
from infra.places import stack_folder
from infra.settings import Settings
from infra.telemetry import metrics
from infra.telemetry.health import Health
from infra.warehouse.connection import Warehouse
from infra.warehouse.errors import WarehouseError
from infra.warehouse.monitoring import positions, sizes
from schemas.topics import DEAD_LETTERED, TopicNames
from signaltape.initialisation import CHECKPOINTED, GROUP_TOPICS, group_of
from signaltape.monitor.gauges import Shown
from signaltape.monitor.lags import GroupLag, Lags

Positions = dict[str, dict[Place, int]]


class Look:
    """Asks and tells; `look` never raises for a server that is away."""

    def __init__(self, settings: Settings, health: Health) -> None:
        self._settings, self._health = settings, health
        self._names = TopicNames(settings.topics.prefix)
        self._topics = sorted({self._names.of(topic) for topics in GROUP_TOPICS.values() for topic in topics})
        self._dlqs = {self._names.dlq(self._names.of(name)): self._names.of(name) for name in DEAD_LETTERED}
        self._watch = GroupWatch(settings)
        self._warehouse = Warehouse(settings, "signaltape-monitor")
        self._online = OnlineStore(settings)
        self._lags = Lags()
        self._slow_at = float("-inf")
        self._partitions: dict[str, int] = {}
        self._retention: dict[str, float] = {}
        self._lag, self._lag_s = Shown(metrics.GROUP_LAG), Shown(metrics.GROUP_LAG_SECONDS)
        self._headroom, self._expired = Shown(metrics.RETENTION_HEADROOM), Shown(metrics.EXPIRED_UNREAD)
        self._dead, self._ages = Shown(metrics.DEAD_LETTERS_KEPT), Shown(metrics.NEWEST_AGE)
        self._size = Shown(metrics.DATABASE_BYTES)
        self._free, self._space = Shown(metrics.DISK_FREE_BYTES), Shown(metrics.DISK_BYTES)

    def look(self) -> None:
        """Look once, at what is slow to tell only where it is due."""
        slow = time.monotonic() - self._slow_at >= self._settings.monitor.slow_every_s
        if slow:
            self._slow_at = time.monotonic()
            self._look_at_sizes()
        self._look_at_disks()
        self._look_at_redis()
        self._look_at_groups(slow)

    def close(self) -> None:
        """Release the connections."""
        self._watch.close()
        self._warehouse.close()
        self._online.close()

    def _look_at_groups(self, slow: bool) -> None:
        kept = self._kept_positions()
        try:
            if slow or not self._partitions:
                self._partitions = self._watch.partitions([*self._topics, *self._dlqs])
                if not set(self._topics) <= self._partitions.keys():
                    raise BrokerError("topics are missing; run `signaltape init`, or check the prefix setting")
                self._retention = self._watch.retention_s(self._topics)
            places = [(name, p) for name, count in self._partitions.items() for p in range(count)]
            bounds = self._watch.bounds(places)
            lags = self._group_lags({**kept, **self._committed_positions()}, bounds)
        except BrokerError as error:
            self._health.ready("kafka", False, str(error))
            self._partitions = {}
            self._show_groups([], {})
            return
        self._health.ready("kafka", True)
        self._show_groups(lags, bounds)

    def _kept_positions(self) -> Positions:
        """Of the services whose offsets lie in the warehouse; none while it is away."""
        try:
            rows = self._warehouse.run(lambda connection: positions(connection, self._topics))
        except WarehouseError as error:
            self._health.ready("postgres", False, str(error))
            return {}
        self._health.ready("postgres", True)
        found: Positions = {}
        for (service, topic, partition), offset in rows.items():
            if service in CHECKPOINTED:
                found.setdefault(group_of(self._settings, service), {})[topic, partition] = offset
        return found

    def _committed_positions(self) -> Positions:
        """Of the groups whose offsets lie in Kafka: our own two, and those of others that the settings name."""
        found = {}
        for service in GROUP_TOPICS.keys() - set(CHECKPOINTED):
            topics = [self._names.of(topic) for topic in GROUP_TOPICS[service]]
            group = group_of(self._settings, service)
            found[group] = self._watch.committed(group, self._places(topics))
        for group in self._settings.monitor.groups:
            found[group] = self._watch.committed(group, self._places(self._topics))
        return found

    def _places(self, topics: list[str]) -> list[Place]:
        return [(topic, partition) for topic in topics for partition in range(self._partitions[topic])]

    def _group_lags(self, standing: Positions, bounds: Mapping[Place, Bounds]) -> list[GroupLag]:
        found: list[GroupLag] = []
        for group, places in standing.items():
            firsts = self._watch.first_from(self._lags.unknown(group, places, bounds))
            self._lags.learn(group, places, bounds, firsts)
            found += self._lags.of(group, places, bounds, time.time())
        return found

    def _show_groups(self, lags: list[GroupLag], bounds: Mapping[Place, Bounds]) -> None:
        self._lag.show({(one.group, one.topic, str(one.partition)): one.messages for one in lags})
        self._lag_s.show({(one.group, one.topic, str(one.partition)): one.seconds for one in lags})
        oldest: dict[tuple[str, str], float] = {}
        expired: dict[tuple[str, str], float] = {}
        for one in lags:
            key = (one.group, one.topic)
            oldest[key] = max(oldest.get(key, 0.0), one.seconds)
            expired[key] = expired.get(key, 0) + one.expired
        kept = self._retention
        self._headroom.show({key: kept[key[1]] - age for key, age in oldest.items() if key[1] in kept})
        self._expired.show(expired)
        dead = {}
        for (topic, _), bound in bounds.items():
            if topic in self._dlqs:
                dead[(self._dlqs[topic],)] = float(bound.end - bound.low)
        self._dead.show(dead)

    def _look_at_redis(self) -> None:
        try:
            metrics.ONLINE_STALE.set(float(self._online.is_stale()))
        except OnlineUnavailable as error:
            self._health.ready("redis", False, str(error))
            return
        self._health.ready("redis", True)

    def _look_at_sizes(self) -> None:
        try:
            found = self._warehouse.run(sizes)
        except WarehouseError:  # said by `_kept_positions`
            self._size.show({})
            self._ages.show({})
            return
        self._size.show({(found.database,): found.bytes_used})
        self._ages.show({(table,): age for table, age in found.ages.items()})

    def _look_at_disks(self) -> None:
        """The home's disk, and that of the local stack's data if it is another one."""
        home = self._settings.home
        folders: dict[str, Path] = {"home": home, "stack": stack_folder(home)}
        usage = {}
        devices = set()
        for name, folder in folders.items():
            if folder.exists() and (device := folder.stat().st_dev) not in devices:
                devices.add(device)
                usage[(name,)] = shutil.disk_usage(folder)
        self._free.show({labels: float(one.free) for labels, one in usage.items()})
        self._space.show({labels: float(one.total) for labels, one in usage.items()})
