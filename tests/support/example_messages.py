"""One message of each type with every field set, and what makes two messages the same."""

import dataclasses
from typing import Any

import numpy as np

from schemas.alerts import Alert
from schemas.bars import Adjustment, BarBatch, StateRepair, Watermark
from schemas.codec import Message
from schemas.control import ControlEvent
from schemas.features import FeatureBatch, ReturnBatch
from schemas.intervals import DAY, MINUTE
from schemas.link import Link
from schemas.predictions import FeatureStats, PredictionBatch, RouterSnapshot
from schemas.signals import Heartbeat, Notice, Signal

CLOSE = 1_700_000_040_000_000_000
LINK = Link(position=(41, 0), last_part=1, previous=(40, 2))

BARS = BarBatch(
    feed="alpha",
    source="vendor",
    interval="1m",
    event_time=CLOSE,
    available_time=CLOSE + 2_000_000,
    revision=1,
    symbols=("AAPL", "MSFT", "Å"),
    open=np.array([10.0, 20.5, 0.1]),
    high=np.array([10.5, 21.0, 0.3]),
    low=np.array([9.5, 20.0, 0.1]),
    close=np.array([10.25, 20.75, 0.2]),
    volume=np.array([1200.0, 0.0, 7.0]),
    volume_valid=np.array([True, False, True]),
)
FEATURES = FeatureBatch(
    link=LINK,
    feature_set="core",
    set_version=1,
    set_hash="5f0c",
    width=2,
    interval="1m",
    event_time=CLOSE,
    kind="live",
    symbols=("AAPL", "MSFT", "Å"),
    values=np.array([[1.5, -2.5], [0.0, 4.0], [1e-300, 1e300]]),
    valid=np.array([[True, True], [False, True], [True, True]]),
    close=np.array([10.25, 20.75, 0.2]),
    available_time=np.array([CLOSE, CLOSE + 1_000, CLOSE + 2_000]),
)
RETURNS = ReturnBatch(
    link=Link(position=(41, 0), last_part=0, previous=None),
    interval="1m",
    horizon=5,
    event_time=CLOSE,
    available_time=CLOSE + 2_000,
    kind="correction",
    symbols=("AAPL", "MSFT"),
    prediction_time=np.array([CLOSE - 5 * MINUTE, CLOSE - 6 * MINUTE]),
    log_return=np.array([0.001, -0.002]),
)
PREDICTIONS = PredictionBatch(
    source_partition=3,
    source_position=(41, 0),
    strategy="momentum",
    model="ridge",
    model_version=2,
    model_sha256="ab" * 32,
    role="live",
    feature_set="core",
    set_version=1,
    set_hash="5f0c",
    interval="1m",
    horizon=5,
    event_time=CLOSE,
    model_latency=123_456,
    deadline_missed=False,
    breaker_open=True,
    symbols=("AAPL", "MSFT"),
    score=np.array([0.004, -0.001]),
    confidence=np.array([0.61, 0.0]),
    status=np.array([0, 1], np.uint8),
    direction=np.array([1, 0], np.uint8),
    outcome=np.array([1, 2], np.uint8),
)
STATS = FeatureStats(
    source_partition=3,
    feature_set="core",
    set_version=1,
    interval="1m",
    session=CLOSE // DAY,
    features=("rsi_14", "atr_14"),
    bins=3,
    inner=2,
    edges=np.array([[30.0, 70.0], [0.5, 1.5]]),
    counts=np.array([[1, 2, 3], [4, 5, 6]]),
    n=np.array([6, 15]),
    mean=np.array([50.5, 1.0]),
    m2=np.array([12.0, 0.25]),
)
SIGNAL = Signal(
    signal_id="00112233445566778899aabbccddeeff",
    seq=17,
    symbol="AAPL",
    signal="long",
    score=0.004,
    confidence=0.61,
    timestamp=CLOSE / 1e9,
    event_time=CLOSE,
    interval="1m",
    horizon=5,
    reference_price=10.25,
    position_scale=1.0,
    strategy="momentum",
    model="ridge",
    model_version=2,
    models=("ridge:2", "trees:7"),
    source=(3, 41),
    expires_at=CLOSE + 5 * MINUTE,
    reason="live",
)
ALERT = Alert(
    alert_id="ffeeddccbbaa99887766554433221100",
    policy="classic",
    rule="ic_below_zero",
    severity="urgent",
    strategy="momentum",
    subject="score",
    event_time=CLOSE,
    session=CLOSE // DAY,
    sample_size=420,
    window=(CLOSE - 3 * DAY, CLOSE),
    evidence={"ic": -0.03, "days": 3, "names": ["AAPL"], "detail": {"low": -0.2, "high": None}},
    onset=CLOSE - 2 * DAY,
    false_alarm_budget=1.0,
    suggested_action="pause",
    message="IC below zero for 3 days",
)
CONTROL = ControlEvent(
    event_id="c0ffee",
    action="parameters",
    effective_from=CLOSE,
    issued_at=CLOSE - MINUTE,
    issued_by="operator",
    reason="wider band",
    cause="alert/ffee",
    strategy="momentum",
    model="ridge",
    model_version=2,
    symbols=("AAPL",),
    parameters={"long": 0.002, "enabled": True, "names": ["a", 1]},
    control_offset=9,
    link=LINK,
)
_REST: tuple[Message, ...] = (
    Watermark(feed="alpha", event_time=CLOSE, state="advance", link=LINK, partition_time=CLOSE - MINUTE),
    Adjustment(
        feed="alpha", source="vendor", symbol="AAPL", factor=4.0, effective_time=CLOSE, available_time=CLOSE + 1_000
    ),
    StateRepair(
        symbol="AAPL",
        interval="1m",
        as_of_offset=40,
        last_event_time=CLOSE,
        available_time=CLOSE + 1_000,
        state=b"\x00\x01\xff",
    ),
    RouterSnapshot(source_partition=3, fence=(41, 1), event_time=CLOSE, seq=18, state_version=1, state=b"\x80"),
    Heartbeat(seq=19, partition=3, event_time=CLOSE),
    Notice(
        seq=20,
        partition=3,
        kind="paused",
        event_time=CLOSE,
        strategy="momentum",
        model="",
        symbols=("AAPL", "MSFT"),
        control_offset=9,
        detail="by operator",
    ),
)

#: Type name → a message with every field set.
EXAMPLES: dict[str, Message] = {
    message.TYPE: message for message in (BARS, FEATURES, RETURNS, PREDICTIONS, STATS, SIGNAL, ALERT, CONTROL, *_REST)
}


def as_plain(message: Any) -> dict[str, Any]:
    """Fields of a message as comparable values: of an array its dtype, shape and bytes."""

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value.dtype.str, value.shape, value.tobytes()
        return value

    return {"TYPE": message.TYPE} | {
        field.name: plain(getattr(message, field.name)) for field in dataclasses.fields(message)
    }
