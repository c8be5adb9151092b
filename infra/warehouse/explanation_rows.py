"""From rows of the tables to the facts of an explanation, column by column in the order of the queries."""

from typing import Any

from infra.warehouse.errors import WarehouseError
from infra.warehouse.moments import to_nanoseconds
from infra.warehouse.stored_signals import signal_of
from pipeline.deployments import ModelRef
from pipeline.explanation.facts import BarFact, CallFact, ControlFact, RowFact, SignalFact, VectorFact
from schemas.control import ControlEvent

Row = tuple[Any, ...]
_BAR = tuple(BarFact.__dataclass_fields__)
_TIMES = ("event_time", "available_time", "ingest_time")
_SIGNAL = (
    "signal_id", "seq", "symbol", "signal", "score", "confidence", "event_time", "interval", "horizon",
    "reference_price", "position_scale", "strategy", "model", "model_version", "models", "source_offset", "expires_at",
    "reason", "partition", "topic_offset", "ingest_time",
)  # fmt: skip


def bar_fact(row: Row) -> BarFact:
    """A row of ``bars``; its columns are named as the fields."""
    values = dict(zip(_BAR, row, strict=True))
    return BarFact(**values | {name: to_nanoseconds(values[name]) for name in _TIMES})


def vector_fact(row: Row) -> VectorFact:
    """A row of ``features`` with the names of its set."""
    name, version, set_hash, names, values, close, available, ingest, revision, numerics = row
    return VectorFact(
        feature_set=name,
        set_version=version,
        set_hash=set_hash,
        names=tuple(names),
        values=tuple(values),
        close=close,
        available_time=to_nanoseconds(available),
        ingest_time=to_nanoseconds(ingest),
        revision=revision,
        numerics=numerics,
    )


def call_fact(row: Row) -> CallFact:
    """A row of ``model_calls``."""
    strategy, model, version, role, part, sha256, feature_set, set_version, set_hash, missed, is_open, *rest = row
    return CallFact(
        strategy=strategy,
        ref=ModelRef(name=model, version=version),
        role=role,
        source_part=part,
        sha256=sha256,
        feature_set=feature_set,
        set_version=set_version,
        set_hash=set_hash,
        deadline_missed=missed,
        breaker_open=is_open,
        numerics=rest[0],
        model_latency_ns=rest[1],
    )


def call_of_row(row: Row) -> CallFact:
    """What a row of ``predictions`` says of its call, where no more is recorded."""
    strategy, model, version, role = row[:4]
    return CallFact(
        strategy=strategy,
        ref=ModelRef(name=model, version=version),
        role=role,
        source_part=0,
        sha256="",
        feature_set="",
        set_version=0,
        set_hash="",
        deadline_missed=False,
        breaker_open=False,
        numerics="",
        model_latency_ns=row[12],
    )


def row_fact(row: Row) -> RowFact:
    """A row of ``predictions``."""
    strategy, model, version, role, horizon, score, confidence, status, direction, outcome, ingest, offset, _ = row
    return RowFact(
        strategy=strategy,
        ref=ModelRef(name=model, version=version),
        role=role,
        horizon=horizon,
        score=score,
        confidence=confidence,
        status=status,
        direction=direction,
        outcome=outcome,
        ingest_time=to_nanoseconds(ingest),
        topic_offset=offset,
    )


def signal_fact(row: Row) -> SignalFact:
    """A row of ``signals``."""
    columns = dict(zip(_SIGNAL, row, strict=True))
    return SignalFact(
        signal=signal_of(columns),
        partition=columns["partition"],
        topic_offset=columns["topic_offset"],
        ingest_time=to_nanoseconds(columns["ingest_time"]),
    )


def control_fact(row: Row, number: int) -> ControlFact:
    """A row of ``control_applied`` with its event; ``number`` takes the place of its offset in the event."""
    _, offset, effective_p, late, event_id, action, strategy, model, version, symbols, parameters, *rest = row
    if event_id is None:
        raise WarehouseError(
            f"control event {offset} was obeyed, but the store has not written it down yet; try again once it has "
            "caught up (`signaltape health store`)"
        )
    effective_from, issued_at, issued_by, reason, cause = rest
    event = ControlEvent(
        event_id=event_id,
        action=action,
        effective_from=to_nanoseconds(effective_from),
        issued_at=to_nanoseconds(issued_at),
        issued_by=issued_by,
        reason=reason,
        cause=cause,
        strategy=strategy,
        model=model,
        model_version=version,
        symbols=tuple(symbols),
        parameters=dict(parameters),
        control_offset=number,
    )
    return ControlFact(event=event, offset=offset, effective_p=to_nanoseconds(effective_p), late=late)
