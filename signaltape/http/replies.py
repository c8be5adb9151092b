"""Answers as JSON."""

import time
from dataclasses import asdict
from typing import Any

import orjson
from fastapi import Response

from pipeline.routing.position import suggested_position_of
from schemas.intervals import SECOND
from schemas.signals import Signal
from signaltape.serving.answers import SignalAnswer


def reply(content: Any, status: int = 200) -> Response:
    """Dataclasses, mappings and lists as a JSON response."""
    return Response(orjson.dumps(content), status, media_type="application/json")


def signal_body(answer: SignalAnswer) -> dict[str, Any]:
    """A signal as gateways know it, with where it comes from; its fields are null where nothing is said."""
    signal = answer.signal
    body: dict[str, Any] = {
        "symbol": answer.symbol,
        "interval": answer.interval,
        "source": answer.source,
        "signal": None,
        "score": None,
        "confidence": None,
        "timestamp": None,
        "suggested_position": answer.suggested_position,
        "age_s": answer.age_s,
        "stale": answer.stale,
        "code": answer.code,
        "reason": answer.reason,
    }
    if signal is not None:
        # The answer's own reason says why it isn't the models' word; the signal's says live or fallback.
        body |= {name: value for name, value in _fields(signal).items() if name != "reason"}
    return body


def latest_body(signals: list[Signal], now: int | None = None) -> dict[str, Any]:
    """Newest signals that were sent, with their age and whether they still hold."""
    instant = time.time_ns() if now is None else now
    return {
        "signals": [
            {
                **_fields(signal),
                "suggested_position": suggested_position_of(signal.signal, signal.confidence, signal.position_scale),
                "age_s": (instant - signal.event_time) / SECOND,
                "expired": signal.expires_at <= instant,
            }
            for signal in signals
        ]
    }


def _fields(signal: Signal) -> dict[str, Any]:
    """A signal's fields; its source, as ``bars``: (partition, offset) there, -1 for a partition that isn't known."""
    found = asdict(signal)
    found["bars"] = found.pop("source")
    return found
