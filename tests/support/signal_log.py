"""Signals and alerts written by hand, as the inference consumer and the drift agent write them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from confluent_kafka import Producer

from infra.broker.config import transactional_producer_config
from infra.settings import Settings
from schemas.alerts import Alert
from schemas.codec import encode, encode_json
from schemas.headers import JSON, MSGPACK, event_headers
from schemas.ids import signal_id
from schemas.signals import Heartbeat, Notice, Signal
from schemas.topics import TopicNames
from tests.support.example_messages import ALERT, SIGNAL

SECOND = 1_000_000_000
CLOSE = 1_700_000_040 * SECOND

Written = Signal | Heartbeat | Notice | Alert


def signal(symbol: str, seq: int, event_time: int = CLOSE, **changes: object) -> Signal:
    """A signal with the id that the router would give it."""
    return replace(
        SIGNAL,
        signal_id=signal_id("default", symbol, SIGNAL.interval, event_time),
        seq=seq,
        symbol=symbol,
        event_time=event_time,
        timestamp=event_time / SECOND,
        **changes,  # type: ignore[arg-type]
    )


def notice(seq: int, partition: int = 0, **changes: object) -> Notice:
    """A pause, noted on a partition."""
    values: dict[str, object] = {
        "seq": seq, "partition": partition, "kind": "paused", "event_time": CLOSE, "strategy": "momentum", "model": "",
        "symbols": ("AAPL", "MSFT"), "control_offset": 9, "detail": "by operator",
    }  # fmt: skip
    return Notice(**values | changes)  # type: ignore[arg-type]


def alert(number: int, **changes: object) -> Alert:
    return replace(ALERT, alert_id=f"alert-{number}", **changes)  # type: ignore[arg-type]


class TransactionWriter:
    """One transactional producer of a test's own."""

    def __init__(self, settings: Settings) -> None:
        self._names = TopicNames(settings.topics.prefix)
        identity = f"{settings.topics.prefix}test-writer"
        config = transactional_producer_config(settings, identity)
        # A test may do much while a transaction is open, and the broker aborts one that takes too long.
        self._producer = Producer(config | {"transaction.timeout.ms": 300_000})
        self._producer.init_transactions(30)

    @contextmanager
    def transaction(self, *, abort: bool = False) -> Iterator["TransactionWriter"]:
        self._producer.begin_transaction()
        yield self
        if abort:
            self._producer.flush(30)  # so that the aborted messages do lie in the log
            self._producer.abort_transaction(30)
        else:
            self._producer.commit_transaction(30)

    def put(self, partition: int, message: Written, *, as_json: bool = False) -> None:
        topic = self._names.alerts if isinstance(message, Alert) else self._names.signals
        value = encode_json(message) if as_json else encode(message)
        headers = event_headers(message.TYPE, "id", "test", CLOSE, JSON if as_json else MSGPACK)
        self._producer.produce(topic, value, partition=partition, headers=headers)

    def put_raw(self, partition: int, value: bytes) -> None:
        self._producer.produce(self._names.signals, value, partition=partition)

    def flush(self) -> None:
        assert self._producer.flush(30) == 0


def write(
    writer: TransactionWriter,
    partition: int,
    messages: Sequence[Written],
    *,
    as_json: bool = False,
    abort: bool = False,
) -> None:
    """Write messages to one partition in one transaction."""
    with writer.transaction(abort=abort):
        for message in messages:
            writer.put(partition, message, as_json=as_json)
