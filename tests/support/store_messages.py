"""Messages that the store reads, and a transactional writer for them."""

from collections.abc import Iterable, Sequence

import numpy as np
from confluent_kafka import Producer

from infra.broker.config import transactional_producer_config
from infra.settings import Settings
from schemas.bars import Watermark
from schemas.codec import Message, encode, encode_json
from schemas.control import ControlEvent
from schemas.headers import JSON
from schemas.predictions import PredictionBatch
from schemas.signals import Heartbeat, Notice, Signal
from tests.support.rounds import START

#: (topic, partition, message)
Sent = tuple[str, int, Message | bytes]


class TransactionalWriter:
    """Writes each call's messages in one transaction; every commit leaves a marker, which takes an offset."""

    def __init__(self, settings: Settings) -> None:
        self._producer = Producer(transactional_producer_config(settings, f"{settings.topics.prefix}writer"))
        self._producer.init_transactions(30)

    def write(self, messages: Iterable[Sent], *, abort: bool = False, json: bool = False) -> None:
        self._producer.begin_transaction()
        for topic, partition, message in messages:
            if isinstance(message, bytes):
                self._producer.produce(topic, message, None, partition)
            elif json:
                headers = [("content-type", JSON.encode())]
                self._producer.produce(topic, encode_json(message), None, partition, headers=headers)  # type: ignore[arg-type]
            else:
                self._producer.produce(topic, encode(message), None, partition)
        if abort:
            self._producer.flush()
            self._producer.abort_transaction(30)
        else:
            self._producer.commit_transaction(30)


def prediction_batch(
    number: int, symbols: Sequence[str] = ("A", "BB"), *, partition: int = 0, **changes: object
) -> PredictionBatch:
    n = len(symbols)
    fields: dict[str, object] = {
        "source_partition": partition,
        "source_position": (number, 0),
        "strategy": "momentum",
        "model": "ridge",
        "model_version": 3,
        "model_sha256": "0" * 64,
        "role": "live",
        "feature_set": "core",
        "set_version": 1,
        "set_hash": "h",
        "interval": "1m",
        "horizon": 5,
        "event_time": START + number * 60 * 10**9,
        "model_latency": 1234,
        "deadline_missed": False,
        "breaker_open": False,
        "symbols": tuple(symbols),
        "score": np.arange(n) / 100 - 0.005,
        "confidence": np.full(n, 0.75),
        "status": np.zeros(n, np.uint8),
        "direction": np.arange(n, dtype=np.uint8) % 3,
        "outcome": np.full(n, 1, np.uint8),
    }
    return PredictionBatch(**(fields | changes))  # type: ignore[arg-type]


def signal(number: int, *, partition: int = 0, symbol: str = "A") -> Signal:
    time = START + number * 60 * 10**9
    return Signal(
        signal_id=f"{partition}-{number}-{symbol}",
        seq=number,
        symbol=symbol,
        signal="long",
        score=0.01,
        confidence=0.75,
        timestamp=time / 1e9,
        event_time=time,
        interval="1m",
        horizon=5,
        reference_price=100.5,
        position_scale=1.0,
        strategy="momentum",
        model="ridge",
        model_version=3,
        models=("ridge:3", "trees:1"),
        source=(partition, number),
        expires_at=time + 10**9,
        reason="live",
    )


def notice(kind: str, control_offset: int, *, partition: int = 0) -> Notice:
    return Notice(
        seq=0,
        partition=partition,
        kind=kind,
        event_time=START,
        strategy="momentum",
        model="ridge:3",
        symbols=(),
        control_offset=control_offset,
        detail="",
    )


def control(number: int, **changes: object) -> ControlEvent:
    fields: dict[str, object] = {
        "event_id": f"event-{number}",
        "action": "activate",
        "effective_from": START,
        "issued_at": START,
        "issued_by": "tester",
        "strategy": "momentum",
        "model": "ridge",
        "model_version": 3,
        "symbols": ("A", "B"),
        "parameters": {"long": 0.1},
    }
    return ControlEvent(**(fields | changes))  # type: ignore[arg-type]


def heartbeat(number: int) -> Heartbeat:
    return Heartbeat(seq=number, partition=0, event_time=START)


def watermark() -> Watermark:
    return Watermark(feed="test", event_time=START, state="advance", partition_time=START)
