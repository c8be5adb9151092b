"""Recorded against computed anew: the differences, in the order in which one value follows from another.

Between runs of one arithmetic (``pipeline/numerics.py``) every bit must agree. Otherwise floats may differ by the
tolerances below: those of the feature tests, and of a model's golden vectors.
"""

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.explanation.facts import BarFact, CallFact, Moment, RowFact, VectorFact
from schemas.bars import BarBatch
from schemas.features import FeatureBatch
from schemas.predictions import DIRECTIONS, OUTCOMES, STATUSES, PredictionBatch
from schemas.signals import Signal

#: Stages in the order of the flow.
STAGES = ("bar", "feature", "model", "score", "decision", "router", "signal")

Value = float | int | str | bool | None | tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tolerance:
    """How far two floats may lie apart; zeros: not by a bit."""

    relative: float = 0.0
    absolute: float = 0.0

    def same(self, recorded: Value, computed: Value) -> bool:
        """True if the values agree; floats bit by bit where nothing is tolerated."""
        if not isinstance(recorded, float) or not isinstance(computed, float):
            return recorded == computed
        if bits(recorded) == bits(computed):
            return True
        bound = self.relative * max(abs(recorded), abs(computed)) + self.absolute
        return bound > 0.0 and abs(recorded - computed) <= bound


EXACT = Tolerance()
FEATURES = Tolerance(relative=1e-9, absolute=1e-12)
SCORES = Tolerance(relative=1e-4, absolute=1e-7)


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One value that is recorded as one thing and comes out as another. ``where``: a set, or strategy and model."""

    stage: str
    where: str
    name: str
    recorded: Value
    computed: Value

    def __str__(self) -> str:
        shown = " → ".join(map(_shown, (self.recorded, self.computed)))
        return f"{self.stage} {self.name} ({self.where}): recorded → computed: {shown}"


def bits(value: float) -> str:
    """The 64 bits of a float as 16 hexadecimal digits.

    >>> bits(1.0)
    '3ff0000000000000'
    """
    return struct.pack(">d", value).hex()


def compare_bar(bar: BarFact, message: BarBatch) -> list[Difference]:
    """Differences of a stored bar from the message that it came in."""
    at, where = bar.row_index, f"{bar.source or 'no source'}, offset {bar.source_offset}"
    volume = float(message.volume[at]) if message.volume_valid[at] else None
    names = ("open", "high", "low", "close")
    pairs: list[tuple[str, Value, Value]] = [
        *((name, getattr(bar, name), float(getattr(message, name)[at])) for name in names),
        ("volume", bar.volume, volume),
        ("revision", bar.revision, message.revision),
    ]
    return _compare("bar", where, pairs, EXACT)


def compare_vectors(
    moment: Moment, bar: BarFact, computed: Sequence[FeatureBatch], tolerance: Tolerance
) -> list[Difference]:
    """Differences of every set's vector, those that are missing on one side among them."""
    found: list[Difference] = []
    made = {(one.feature_set, one.set_version): one for one in computed}
    for recorded in moment.vectors:
        batch = made.pop((recorded.feature_set, recorded.set_version), None)
        if batch is not None:
            found += compare_vector(bar, recorded, batch, tolerance)
    for batch in made.values():
        if batch.symbols:
            where = f"{batch.feature_set} v{batch.set_version}"
            found.append(_difference("feature", where, "(the vector)", "none", "one"))
    return found


def compare_vector(
    bar: BarFact, recorded: VectorFact, computed: FeatureBatch, tolerance: Tolerance
) -> list[Difference]:
    """Differences of one set's vector; ``computed`` has one row, or none where the symbol isn't warm."""
    where = f"{recorded.feature_set} v{recorded.set_version}"
    if not computed.symbols:
        return [_difference("feature", where, "(the vector)", "stored", "the symbol isn't warm")]
    pairs: list[tuple[str, Value, Value]] = []
    values, valid = computed.values[0].tolist(), computed.valid[0].tolist()
    for name, value, other, good in zip(recorded.names, recorded.values, values, valid, strict=True):
        pairs.append((name, value, other if good else None))
    pairs.append(("available_time", recorded.available_time, -(-int(computed.available_time[0]) // 1_000) * 1_000))
    found = _compare("feature", where, pairs, tolerance)
    if not EXACT.same(recorded.close, bar.close):
        found.append(_difference("feature", where, "close", recorded.close, bar.close))
    return found


def compare_call(call: CallFact, row: RowFact, computed: PredictionBatch, at: int, exact: bool) -> list[Difference]:
    """Differences of one model's row: ``computed`` holds it at place ``at``."""
    where = f"{row.strategy} {row.role} {row.ref}"
    found = []
    if call.sha256:
        found += _compare("model", where, [("sha256", call.sha256, computed.model_sha256)], EXACT)
    scores: list[tuple[str, Value, Value]] = [
        ("score", row.score, float(computed.score[at])),
        ("confidence", row.confidence, float(computed.confidence[at])),
        ("status", row.status, STATUSES[computed.status[at]]),
    ]
    found += _compare("score", where, scores, EXACT if exact else SCORES)
    decision: list[tuple[str, Value, Value]] = [("direction", row.direction, DIRECTIONS[computed.direction[at]])]
    found += _compare("decision", where, decision, EXACT)
    outcome: list[tuple[str, Value, Value]] = [("outcome", row.outcome, OUTCOMES[computed.outcome[at]])]
    return found + _compare("router", where, outcome, EXACT)


_SIGNAL = (
    "signal_id", "signal", "score", "confidence", "horizon", "reference_price", "position_scale", "strategy", "model",
    "model_version", "models", "expires_at", "reason",
)  # fmt: skip


def compare_signal(moment: Moment, computed: Signal | None, exact: bool) -> list[Difference]:
    """Differences of the signal, of every field but its number in the topic."""
    recorded = None if moment.signal is None else moment.signal.signal
    if recorded is None and computed is None:
        return []
    where = (recorded or computed).strategy if recorded or computed else ""  # type: ignore[union-attr]
    if recorded is None or computed is None:
        shown = ["none" if one is None else f"{one.signal} {one.signal_id}" for one in (recorded, computed)]
        return [_difference("signal", where, "(the signal)", shown[0], shown[1])]
    pairs = [(name, getattr(recorded, name), getattr(computed, name)) for name in _SIGNAL]
    return _compare("signal", where, pairs, EXACT if exact else SCORES)


def compare_calls(moment: Moment, computed: Sequence[PredictionBatch], exact: bool) -> list[Difference]:
    """Differences of every call about the symbol, those that are missing on one side among them."""
    found: list[Difference] = []
    calls = {one.key: one for one in moment.calls}
    rows = {one.key: one for one in moment.rows}
    for batch in computed:
        key = next((key for key in rows if _is_of(key, batch)), None)
        if key is None:
            where = f"{batch.strategy} {batch.role} {batch.model}:{batch.model_version}"
            found.append(_difference("score", where, "(the prediction)", "none", "one"))
            continue
        found += compare_call(calls[key], rows.pop(key), batch, batch.symbols.index(moment.symbol), exact)
    for row in rows.values():
        where = f"{row.strategy} {row.role} {row.ref}"
        found.append(_difference("score", where, "(the prediction)", "one", "none: the model was not in force"))
    return found


def in_order(found: Iterable[Difference]) -> tuple[Difference, ...]:
    """Earlier stages first; within a stage as found."""
    return tuple(sorted(found, key=lambda one: STAGES.index(one.stage)))


def _is_of(key: tuple[str, str, object], batch: PredictionBatch) -> bool:
    return (key[0], key[1], str(key[2])) == (batch.strategy, batch.role, f"{batch.model}:{batch.model_version}")


def _compare(
    stage: str, where: str, pairs: Iterable[tuple[str, Value, Value]], tolerance: Tolerance
) -> list[Difference]:
    return [
        _difference(stage, where, name, recorded, computed)
        for name, recorded, computed in pairs
        if not tolerance.same(recorded, computed)
    ]


def _difference(stage: str, where: str, name: str, recorded: Value, computed: Value) -> Difference:
    return Difference(stage=stage, where=where, name=name, recorded=recorded, computed=computed)


def _shown(value: Value) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return f"{value!r} ({bits(value)})"
    return "undefined" if value is None else str(value)
