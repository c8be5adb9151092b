"""Where a stack lives, which ports it takes, and what it answers with when it runs."""

from dataclasses import dataclass, field
from pathlib import Path

from infra.places import cache_folder, data_home, stack_folder
from infra.stack.errors import StackError
from infra.stack.ports import free_ports


@dataclass(frozen=True, kw_only=True)
class Ports:
    """TCP ports on 127.0.0.1; 0 means: pick a free one at start."""

    kafka: int = 19092
    controller: int = 19093
    postgres: int = 15432
    redis: int = 16379

    @classmethod
    def free(cls) -> "Ports":
        """All ports picked at start, for several stacks side by side."""
        return cls(kafka=0, controller=0, postgres=0, redis=0)

    def resolved(self) -> "Ports":
        """The same ports with each 0 replaced by a port that is free now and named nowhere else here."""
        wanted = [self.kafka, self.controller, self.postgres, self.redis]
        fixed = [port for port in wanted if port]
        if len(set(fixed)) != len(fixed):
            raise StackError("ports", f"two servers cannot share one port: {wanted}")
        picked = iter(free_ports(wanted.count(0), avoid=frozenset(fixed)))
        kafka, controller, postgres, redis = (port or next(picked) for port in wanted)
        return Ports(kafka=kafka, controller=controller, postgres=postgres, redis=redis)


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """Everything that decides how a stack starts.

    data: folder of this stack alone (server data, logs, records of its processes).
    cache: folder of what stacks share (jars, the Postgres installation, prepared data folders).
    durable: False leaves out fsync, for data that does not outlive the machine (tests).
    brief: True compiles the broker's code lightly, for a stack that lives for minutes: on two cores the JVM's
        optimising compiler takes most of one for the first minute.
    require_timescale: True refuses to start on plain Postgres instead of giving a notice.
    deadline_s: seconds each server has to become healthy.
    """

    data: Path
    cache: Path
    ports: Ports = field(default_factory=Ports)
    kafka_heap_mb: int = 384
    durable: bool = True
    brief: bool = False
    require_timescale: bool = False
    deadline_s: float = 60.0


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Where the servers of a running stack answer, and what they are."""

    bootstrap_servers: str
    postgres_dsn: str
    redis_url: str
    kafka_version: str
    postgres_version: str
    redis_version: str
    timescale_version: str | None
    timescale_license: str | None


def default_config(home: Path | None = None, ports: Ports | None = None) -> StackConfig:
    """The stack of `signaltape up`: data and cache below `home`, by default the per-user folder."""
    base = data_home() if home is None else home.absolute()
    return StackConfig(data=stack_folder(base), cache=cache_folder(base), ports=ports or Ports())
