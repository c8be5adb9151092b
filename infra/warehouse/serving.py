"""Which inference instances live, and the requests by which a promotion asks them to load a model.

An instance says each second that it lives. What it is asked reaches it at once by a notification, and within that
second if the notification is lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.warehouse.connection import Connection
from infra.warehouse.queries import queries

#: How often an instance says that it lives, and after how long a silence it is taken for dead.
BEAT_S = 1.0
SILENCE_S = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """One process of one instance number; ``incarnation`` tells it from the one before."""

    prefix: str
    instance: int
    incarnation: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ServingInstance:
    """What an instance last said of itself, ``silent_s`` seconds ago by the database's clock."""

    instance: int
    incarnation: str
    host: str
    pid: int
    partitions: tuple[int, ...]
    silent_s: float

    @property
    def lives(self) -> bool:
        """True if it spoke lately enough."""
        return self.silent_s <= SILENCE_S

    def __str__(self) -> str:
        return f"inference instance {self.instance} (pid {self.pid} on {self.host})"


@dataclass(frozen=True, kw_only=True, slots=True)
class PrepareRequest:
    """A model that every instance is asked to load."""

    request_id: int
    model: str
    version: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PrepareAnswer:
    """``reason`` says why the model can't be served there, "" if it is loaded, checked and warm."""

    reason: str
    elapsed_ms: float


def appear(connection: Connection, who: Identity, host: str, pid: int) -> None:
    """Say that this process is the instance from now on."""
    connection.execute(queries("serving")["appear"], {**_key(who), "host": host, "pid": pid})


def hear(connection: Connection) -> None:
    """Hear of requests on this connection."""
    connection.execute(queries("serving")["listen"])


def beat(connection: Connection, who: Identity, partitions: Sequence[int]) -> bool:
    """Say that the instance lives and owns ``partitions``. False: another process has taken its number since."""
    values = {**_key(who), "partitions": list(partitions)}
    return connection.execute(queries("serving")["beat"], values).rowcount > 0


def leave(connection: Connection, who: Identity) -> None:
    """Say that the instance has ended."""
    connection.execute(queries("serving")["leave"], _key(who))


def instances(connection: Connection, prefix: str) -> list[ServingInstance]:
    """Every instance that did not leave, living or not, by number."""
    return [
        ServingInstance(
            instance=instance, incarnation=incarnation, host=host, pid=pid, partitions=tuple(owned), silent_s=silent_s
        )
        for instance, incarnation, host, pid, owned, silent_s in connection.execute(
            queries("serving")["instances"], {"prefix": prefix}
        )
    ]


def ask(connection: Connection, prefix: str, model: tuple[str, int], deadline_s: float) -> int:
    """Ask every instance to load a model, (name, version); return the request's number."""
    named = queries("serving")
    values = {"prefix": prefix, "model": model[0], "version": model[1], "deadline_s": deadline_s}
    row = connection.execute(named["ask"], values).fetchone()
    connection.execute(named["wake"], {"prefix": prefix})
    return 0 if row is None else int(row[0])


def close(connection: Connection, request_id: int) -> None:
    """End a request: nobody needs to answer any more."""
    connection.execute(queries("serving")["close"], {"request_id": request_id})


def unanswered(connection: Connection, who: Identity) -> list[PrepareRequest]:
    """Open requests that this process has not answered, oldest first."""
    rows = connection.execute(queries("serving")["unanswered"], _key(who))
    return [PrepareRequest(request_id=number, model=model, version=version) for number, model, version in rows]


def answer(connection: Connection, who: Identity, request_id: int, given: PrepareAnswer) -> None:
    """Record the answer of this process; a second one changes nothing."""
    values = {**_key(who), "request_id": request_id, "reason": given.reason, "elapsed_ms": given.elapsed_ms}
    connection.execute(queries("serving")["answer"], values)


def answers(connection: Connection, request_id: int) -> dict[str, PrepareAnswer]:
    """Answers by incarnation."""
    rows = connection.execute(queries("serving")["answers"], {"request_id": request_id})
    return {incarnation: PrepareAnswer(reason=reason, elapsed_ms=elapsed) for incarnation, reason, elapsed in rows}


def _key(who: Identity) -> dict[str, object]:
    return {"prefix": who.prefix, "instance": who.instance, "incarnation": who.incarnation}
