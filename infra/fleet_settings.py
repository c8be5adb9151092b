"""Settings of what looks at the pipeline from outside."""

import re

from pydantic import Field, field_validator

from infra.settings_group import Group

_TARGET = re.compile(r"(?P<service>[a-z][a-z0-9_-]*)=(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(?P<port>\d{1,5})")


class FleetSettings(Group):
    """Where the processes of the pipeline are found, for `signaltape status`, the console and Prometheus.

    targets: service=host:port of each process's metrics, where processes don't share this home (containers, clusters);
    a name with several addresses is that many processes. Empty: what the processes of this home have announced.
    timeout_s: how long one process may take to answer before it counts as silent.
    """

    targets: tuple[str, ...] = ()
    timeout_s: float = Field(default=1.0, gt=0, le=30)

    @field_validator("targets")
    @classmethod
    def _readable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            split_target(one)
        return value


class MonitorSettings(Group):
    """How the monitor looks at what no service can say of itself.

    every_s: between two looks at offsets, Redis and disks. slow_every_s: between two looks at sizes, newest rows and
    retention. groups: consumer groups beside those of signaltape, such as a gateway's, whose lag is of interest.
    """

    every_s: float = Field(default=5.0, gt=0)
    slow_every_s: float = Field(default=30.0, gt=0)
    groups: tuple[str, ...] = ()


def split_target(text: str) -> tuple[str, str, int]:
    """Split into service, host and port; ValueError if it is nothing of the kind.

    >>> split_target("features=features:9100")
    ('features', 'features', 9100)
    """
    found = _TARGET.fullmatch(text)
    if found is None or not 0 < int(found["port"]) <= 65_535 or not _can_be_host(found["host"]):
        raise ValueError(f"{text!r} is not service=host:port, as in features=10.0.0.7:9100")
    return found["service"], found["host"].strip("[]"), int(found["port"])


def _can_be_host(name: str) -> bool:
    """False for what no resolver takes: a label that is empty or too long."""
    try:
        name.encode("idna")
    except UnicodeError:
        return False
    return True
