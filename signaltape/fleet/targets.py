"""Where the processes of the pipeline answer: as they announced it, or as the settings say."""

import json
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from infra.fleet_settings import split_target
from infra.settings import Settings

# `api-0-http.json` announces the API's own port, not a process.
_ANNOUNCED = re.compile(r"(?P<service>[a-z][a-z0-9_]*)-(?P<instance>\d+)\.json")


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Target:
    """One process that is expected to answer. pid: as announced on this machine; None where settings name it."""

    service: str
    instance: int
    host: str
    port: int
    pid: int | None = None


def targets(settings: Settings) -> tuple[Target, ...]:
    """All processes that are expected, by service and instance.

    The settings' `fleet.targets`, else the announcements of this home. A process that died leaves its announcement
    behind, and so stays expected; one that was stopped takes it back.
    """
    if settings.fleet.targets:
        return _configured(settings.fleet.targets)
    found = (_announced(path) for path in (settings.home / "run").glob("*.json"))
    return tuple(
        sorted((target for target in found if target is not None), key=lambda one: (one.service, one.instance))
    )


def _announced(path: Path) -> Target | None:
    name = _ANNOUNCED.fullmatch(path.name)
    if name is None:
        return None
    try:
        written = json.loads(path.read_text())
        pid, port = int(written["pid"]), int(written["port"])
    except (OSError, ValueError, KeyError, TypeError):  # withdrawn while we read it
        return None
    return Target(service=name["service"], instance=int(name["instance"]), host="127.0.0.1", port=port, pid=pid)


def _configured(names: tuple[str, ...]) -> tuple[Target, ...]:
    found: list[Target] = []
    taken: dict[str, int] = {}
    for service, host, port in sorted(split_target(one) for one in names):
        for address in _addresses(host, port):
            instance = taken.get(service, 0)
            taken[service] = instance + 1
            found.append(Target(service=service, instance=instance, host=address, port=port))
    return tuple(found)


def _addresses(host: str, port: int) -> list[str]:
    """Every address of a name, in order; the name itself where it can't be resolved, so that asking it says why."""
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return [host]
    addresses = sorted({str(answer[4][0]) for answer in answers})
    single = [address for address in addresses if ":" not in address]  # one process has both kinds
    return single or addresses
