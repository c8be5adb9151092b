"""Transactions that their coordinator holds for ended while partitions still wait for the end.

Kafka 4.3's coordinator takes a partition without a leader for deleted and drops the marker meant for it. After a kill,
a broker leads its partitions by its old registration until the controller's session timeout passes; what the
coordinator has to end in that time (a commit or an abort that the kill cut, a transaction that timed out) gets no
marker any more. Readers of committed messages then stop for ever; and the next commit of the same producer would show
what was aborted. See `docs/decisions/0070-transactions-without-an-end.md`.
"""

import struct
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from infra.broker.admin import admin_client
from infra.broker.errors import BrokerError
from infra.broker.reading import read_topic
from infra.broker.wire import OpenTransaction, Partitions, Wire, WireError
from infra.settings import Settings
from infra.telemetry.logs import get_logger

Result = TypeVar("Result")

_OFFSETS, _STATE = "__consumer_offsets", "__transaction_state"
_METADATA_S = 10.0
_DEADLINE_S = 30.0
_RETRY_EVERY_S = 0.1
#: Errors of a partition that has just got, or is about to get, its leader; of a coordinator that loads.
_PASSING = frozenset({3, 5, 6, 7, 14, 15, 16})
#: States in the coordinator's log: prepared and complete, of a commit and of an abort.
_COMMIT, _ABORT = frozenset({2, 4}), frozenset({3, 5})


def end_left_transactions(settings: Settings, transactional_id: str, topics: Iterable[str]) -> list[OpenTransaction]:
    """End what the coordinator left open of ``transactional_id`` in ``topics`` and in the groups' offsets; return it.

    Call it after ``init_transactions`` and before the first transaction: then whatever is open under this id's
    producer has no owner any more. How it ends, the coordinator has decided: its own log says it. Does nothing where
    the connection needs TLS or SASL. Raises ``BrokerError`` if a transaction can't be ended.
    """
    if settings.kafka.options.get("security.protocol", "plaintext").lower() != "plaintext":
        return []
    found = _insist(lambda: _find(settings, (*topics, _OFFSETS)))
    if not found:
        return []
    producers, commit = _verdict(settings, transactional_id)
    left = [one for one in found if one.producer in producers]
    for one in left:
        place = f"{one.topic}[{one.partition}]"
        if commit is None:
            raise BrokerError(
                f"{place}: a transaction of {transactional_id} is open at offset {one.start}, and {_STATE} doesn't "
                "say how it ended. Run Kafka's `kafka-transactions.sh --bootstrap-server "
                f"{settings.kafka.bootstrap_servers} abort --topic {one.topic} --partition {one.partition} "
                f"--start-offset {one.start}`"
            )
        get_logger().warning("left_transaction_ended", place=place, offset=one.start, commit=commit)
        _insist(lambda: _end(settings, one, commit))  # noqa: B023
    return left


def _find(settings: Settings, topics: Iterable[str]) -> list[OpenTransaction]:
    found: list[OpenTransaction] = []
    for (host, port), places in _leaders(settings, set(topics)).items():
        with Wire(host, port) as wire:
            found += wire.open_transactions(places)
    return found


def _end(settings: Settings, transaction: OpenTransaction, commit: bool) -> None:
    for (host, port), places in _leaders(settings, {transaction.topic}).items():
        if transaction.partition in places[transaction.topic]:
            with Wire(host, port) as wire:
                wire.write_marker(transaction, commit=commit)
            return
    raise ConnectionError(f"{transaction.topic}[{transaction.partition}] has no leader")


def _leaders(settings: Settings, topics: set[str]) -> dict[tuple[str, int], Partitions]:
    metadata: Any = admin_client(settings).list_topics(timeout=_METADATA_S)
    places: dict[tuple[str, int], dict[str, list[int]]] = {}
    for name in topics & set(metadata.topics):
        for partition in metadata.topics[name].partitions.values():
            broker = metadata.brokers.get(partition.leader)
            if broker is None:
                raise ConnectionError(f"{name}[{partition.id}] has no leader")
            places.setdefault((broker.host, broker.port), {}).setdefault(name, []).append(partition.id)
    return dict(places)


def _verdict(settings: Settings, transactional_id: str) -> tuple[set[int], bool | None]:
    """Return the producer ids that the transactional id had, and whether its last transaction was to commit."""
    producers: set[int] = set()
    commit: bool | None = None
    for producer, state in _states(settings, transactional_id):
        producers.add(producer)
        if state in _COMMIT | _ABORT:
            commit = state in _COMMIT
    return producers, commit


def _states(settings: Settings, transactional_id: str) -> Iterator[tuple[int, int]]:
    """Yield (producer id, state) of an id from the coordinator's log, oldest first."""
    name = transactional_id.encode()
    key = struct.pack(">hh", 0, len(name)) + name
    for record in read_topic(settings, _STATE, isolation="read_uncommitted"):
        if record.key == key and record.value is not None:
            _, producer, _, _, state = struct.unpack_from(">hqhib", record.value)
            yield producer, state


def _insist(call: Callable[[], Result]) -> Result:
    """Repeat a call while the broker is starting. Raises ``BrokerError`` after half a minute."""
    end = time.monotonic() + _DEADLINE_S
    while True:
        try:
            return call()
        except WireError as error:
            if error.code not in _PASSING or time.monotonic() >= end:
                raise BrokerError(f"open transactions: {error}") from error
        except OSError as error:
            if time.monotonic() >= end:
                raise BrokerError(f"open transactions: {error}") from error
        time.sleep(_RETRY_EVERY_S)
