"""Topics as tables of pandas: what the product's SQL says is compared with them."""

from collections.abc import Iterator

import pandas as pd

from infra.broker.reading import read_topic
from infra.settings import Settings
from schemas.codec import Message, decode_any
from schemas.features import ReturnBatch
from schemas.predictions import DIRECTIONS, OUTCOMES, STATUSES, PredictionBatch
from schemas.signals import Signal
from schemas.topics import TopicNames


def messages(settings: Settings, topic: str) -> Iterator[Message]:
    """Everything committed on a topic."""
    for record in read_topic(settings, TopicNames(settings.topics.prefix).of(topic)):
        yield decode_any(record.value or b"", (dict(record.headers).get("content-type") or b"").decode())


def predictions(settings: Settings) -> pd.DataFrame:
    """One row a prediction."""
    frames = [
        pd.DataFrame(
            {
                "symbol": batch.symbols, "score": batch.score, "confidence": batch.confidence,
                "status": [STATUSES[code] for code in batch.status],
                "direction": [DIRECTIONS[code] for code in batch.direction],
                "outcome": [OUTCOMES[code] for code in batch.outcome],
            }
        ).assign(
            time=batch.event_time, interval=batch.interval, strategy=batch.strategy, model=batch.model,
            version=batch.model_version, role=batch.role, experiment=batch.experiment or "", horizon=batch.horizon,
            latency=batch.model_latency, partition=batch.source_partition,
        )
        for batch in messages(settings, "predictions")
        if isinstance(batch, PredictionBatch)
    ]  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def returns(settings: Settings) -> pd.DataFrame:
    """One row a label, as first published."""
    frames = [
        pd.DataFrame({"symbol": batch.symbols, "time": batch.prediction_time, "log_return": batch.log_return}).assign(
            horizon=batch.horizon, interval=batch.interval
        )
        for batch in messages(settings, "returns")
        if isinstance(batch, ReturnBatch) and batch.kind == "live"
    ]
    return pd.concat(frames, ignore_index=True).drop_duplicates(["symbol", "interval", "time", "horizon"])


def signals(settings: Settings) -> pd.DataFrame:
    """One row a signal."""
    rows = [
        (one.symbol, one.event_time, one.model_version, one.models, one.position_scale, one.strategy)
        for one in messages(settings, "signals")
        if isinstance(one, Signal)
    ]
    return pd.DataFrame(rows, columns=["symbol", "time", "version", "models", "position_scale", "strategy"])
