"""Signals as bulk rows: one a message."""

from collections.abc import Sequence
from functools import lru_cache
from struct import pack

import numpy as np

from infra.warehouse.bulk import Rows
from infra.warehouse.copy_format import FLOAT8, INT4, INT8, Column, Number, Text, times
from schemas.signals import Signal

#: (partition of `signals`, offset there, signal)
SignalPart = tuple[int, int, Signal]

_TEXT_OID = 25


def signal_rows(parts: Sequence[SignalPart]) -> Rows:
    """Rows of `signals`."""
    if not parts:
        return Rows.of("signals", (), ())
    signals = [signal for _, _, signal in parts]

    def text(name: str) -> Text:
        return Text.of([getattr(signal, name) for signal in signals])

    def number(name: str, kind: np.dtype[np.void]) -> Number:
        return Number(values=np.array([getattr(signal, name) for signal in signals]), kind=kind)

    group: dict[str, Column] = {
        **{name: text(name) for name in ("signal_id", "symbol", "interval", "signal", "strategy", "model", "reason")},
        **{name: number(name, FLOAT8) for name in ("score", "confidence", "reference_price", "position_scale")},
        "seq": number("seq", INT8),
        "event_time": times(np.array([signal.event_time for signal in signals], dtype=np.int64)),
        "horizon": number("horizon", INT4),
        "model_version": number("model_version", INT4),
        "models": Text.of_bytes([text_array(signal.models) for signal in signals]),
        "source_offset": Number(values=np.array([signal.source[1] for signal in signals]), kind=INT8),
        "expires_at": times(np.array([signal.expires_at for signal in signals], dtype=np.int64)),
        "partition": Number(values=np.array([partition for partition, _, _ in parts]), kind=INT4),
        "topic_offset": Number(values=np.array([offset for _, offset, _ in parts]), kind=INT8),
    }
    return Rows.of("signals", [group], [len(parts)])


@lru_cache(maxsize=256)
def text_array(texts: tuple[str, ...]) -> bytes:
    """An array of texts as binary field: the same few combinations of models come again and again."""
    if not texts:
        return pack(">iii", 0, 0, _TEXT_OID)
    items = b"".join(pack(">i", len(data)) + data for data in (text.encode() for text in texts))
    return pack(">iiiii", 1, 0, _TEXT_OID, len(texts), 1) + items
