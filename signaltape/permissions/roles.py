"""The roles: what each reads and writes, by the names of the topic table."""

from dataclasses import dataclass

from infra.errors import OperatorError
from schemas.topics import TOPICS

_ALL = tuple(topic.name for topic in TOPICS)


class UnknownRole(OperatorError):
    """No such role; the message names those that exist."""

    exit_code = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Role:
    """One Kafka user's work.

    ``reads``, ``writes``, ``letters`` (whose dead-letter topics it writes): names of the topic table. ``service``: the
    service whose consumer group it is a member of. ``watches``: services at whose offsets it looks. ``transactional``:
    the service under whose transactional ids it writes. ``sees_all``: the number of partitions of every topic is
    checked at its start. ``letters_too``: it also reads dead letters. ``rules``: it makes and removes topics, and sets
    the offsets of groups. ``replays``: the same for topics whose names begin with ``replay-``.
    """

    name: str
    purpose: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    letters: tuple[str, ...] = ()
    service: str = ""
    watches: tuple[str, ...] = ()
    transactional: str = ""
    sees_all: bool = True
    letters_too: bool = False
    rules: bool = False
    replays: bool = False


_SERVICES = ("ingest", "features", "inference", "drift", "store", "responder")

ROLES: tuple[Role, ...] = (
    Role(name="bar-client", purpose="any Kafka client that sends single bars", writes=("bars-in",), sees_all=False),
    Role(name="feed-handler", purpose="publishes cross-sections by the SDK", writes=("bars-in", "bars")),
    Role(
        name="ingest", purpose="the service", reads=("bars-in", "control", "bars"), writes=("bars",),
        letters=("bars-in", "control"), service="ingest",
    ),
    Role(
        name="features", purpose="the service", reads=("bars", "features", "returns"), writes=("features", "returns"),
        letters=("bars",), service="features",
    ),
    Role(
        name="inference", purpose="the service", reads=("features", "predictions", "control"),
        writes=("predictions", "signals"), letters=("features",), service="inference", transactional="inference",
    ),
    Role(
        name="store", purpose="the service", reads=("predictions", "signals", "control"), writes=("bars",),
        letters=("predictions", "signals", "control"), service="store",
    ),
    Role(
        name="drift", purpose="the service", reads=("predictions", "returns", "alerts"), writes=("alerts",),
        letters=("predictions", "returns"), service="drift", transactional="drift",
    ),
    Role(
        name="responder", purpose="the service; takes guarded steps", reads=("alerts", "control", "bars"),
        writes=("control",), letters=("alerts",), service="responder", watches=("inference",),
    ),
    Role(
        name="api", purpose="HTTP API and console", reads=_ALL, writes=("control",), watches=_SERVICES,
        letters_too=True,
    ),
    Role(name="monitor", purpose="measures lag and dead letters", reads=_ALL, watches=_SERVICES, letters_too=True),
    Role(name="gateway", purpose="follows signals", reads=("signals",), sees_all=False),
    Role(name="alert-consumer", purpose="follows alerts", reads=("alerts",), sees_all=False),
    Role(
        name="researcher", purpose="reads everything, runs replays", reads=_ALL, watches=_SERVICES, letters_too=True,
        replays=True,
    ),
    Role(
        name="operator", purpose="every command, and the service daily", reads=_ALL, writes=_ALL, letters=_ALL,
        watches=_SERVICES, letters_too=True, rules=True, replays=True,
    ),
)  # fmt: skip


def role_named(name: str) -> Role:
    """Return a role. Raises ``UnknownRole``."""
    for role in ROLES:
        if role.name == name:
            return role
    raise UnknownRole(f"there is no role {name!r}; use one of {', '.join(role.name for role in ROLES)}")
