"""Where stored rows and recomputed ones part: each value with its bits."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.digests.tally import DigestKey
from pipeline.explanation.comparison import EXACT, STAGES, Tolerance, Value, bits
from pipeline.explanation.words import when
from pipeline.verification.ledger import BARS
from pipeline.verification.sheets import Sheet
from schemas.fields import BoolArray, F8Array, I8Array

#: Names of what is missing as a whole, by the stage of the digests.
WHOLE = {
    BARS: "(the bar)",
    "features": "(the vector)",
    "corrections": "(the correction)",
    "predictions": "(the prediction)",
    "signals": "(the signal)",
}
DIGEST = "(the digest)"
_STAGES = {
    BARS: "bar", "features": "feature", "corrections": "feature", "predictions": "score", "signals": "signal",
}  # fmt: skip
#: Columns that belong to another stage than the row in which they stand.
_OF_COLUMN = {
    ("features", "close"): "bar",
    ("predictions", "sha256"): "model",
    ("predictions", "direction"): "decision",
    ("predictions", "outcome"): "router",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordDifference:
    """One value that is stored as one thing and comes out as another.

    ``stage``: one of ``pipeline.explanation.comparison.STAGES``; ``where``: the set, or strategy, model and role.
    ``symbol`` is empty where only a digest tells. ``blame`` says which account isn't like the others.
    """

    event_time: int
    stage: str
    symbol: str
    interval: str
    where: str
    name: str
    recorded: Value
    computed: Value
    blame: str = ""
    offset: int = -1

    def __str__(self) -> str:
        subject = f"{self.symbol or 'all symbols'} {self.interval} at {when(self.event_time)}"
        place = f" ({self.where})" if self.where else ""
        shown = f"recorded {_shown(self.recorded)}, computed {_shown(self.computed)}"
        return f"{subject}: {self.stage} {self.name}{place}: {shown}"

    @property
    def order(self) -> tuple[int, int, str, str, str]:
        """Sort key: event time, then the order in which one value follows from another, then the symbol, if known."""
        return self.event_time, STAGES.index(self.stage), self.symbol or "\U0010ffff", self.interval, self.where

    @property
    def whole(self) -> bool:
        """True if a whole row is on one side only."""
        return self.name in WHOLE.values()


def compare_sheets(
    key: DigestKey, recorded: Sheet, computed: Sheet, tolerance: Tolerance = EXACT, blame: str = ""
) -> list[RecordDifference]:
    """Return the differences of a key's rows, by symbol and then in the order of the columns."""
    mine, theirs = _numbered(recorded.keys), _numbered(computed.keys)
    gone, new = mine.keys() - theirs.keys(), theirs.keys() - mine.keys()
    found = [_whole(key, recorded, mine[name], ("stored", "none"), blame) for name in gone]
    found += [_whole(key, computed, theirs[name], ("none", "one"), blame) for name in new]
    both = [name for name in mine if name in theirs]
    left = np.array([mine[name] for name in both], dtype=np.int64)
    right = np.array([theirs[name] for name in both], dtype=np.int64)
    found += _values(key, (recorded, left), (computed, right), tolerance, blame)
    return sorted(found, key=lambda one: one.order)


def digest_difference(key: DigestKey, live: str, computed: str, blame: str) -> RecordDifference:
    """Return a difference that only digests show."""
    return RecordDifference(
        event_time=key.event_time, stage=_STAGES[key.stage], symbol="", interval=key.interval, where=key.subject,
        name=DIGEST, recorded=live, computed=computed, blame=blame,
    )  # fmt: skip


def _values(
    key: DigestKey, left: tuple[Sheet, I8Array], right: tuple[Sheet, I8Array], tolerance: Tolerance, blame: str
) -> Iterator[RecordDifference]:
    recorded, at = left
    computed, places = right
    apart = ~_same(recorded.numbers[at], computed.numbers[places], tolerance)
    for row, (one, two) in enumerate(zip(at.tolist(), places.tolist(), strict=True)):
        pairs: list[tuple[str, Value, Value]] = [
            (recorded.columns[column], _value(recorded.numbers[one, column]), _value(computed.numbers[two, column]))
            for column in np.flatnonzero(apart[row]).tolist()
        ]
        pairs += [
            (name, value, other)
            for name, value, other in zip(recorded.fact_names, recorded.facts[one], computed.facts[two], strict=True)
            if value != other
        ]
        for name, value, other in pairs:
            yield RecordDifference(
                event_time=key.event_time,
                stage=_OF_COLUMN.get((key.stage, name), _STAGES[key.stage]),
                symbol=recorded.symbols[one],
                interval=key.interval,
                where=key.subject,
                name=name,
                recorded=value,
                computed=other,
                blame=blame,
                offset=computed.offsets[two],
            )


def _same(recorded: F8Array, computed: F8Array, tolerance: Tolerance) -> BoolArray:
    """Elementwise; undefined equals undefined. Where nothing is tolerated, bits count."""
    with np.errstate(invalid="ignore"):
        bound = tolerance.relative * np.maximum(np.abs(recorded), np.abs(computed)) + tolerance.absolute
        near = (bound > 0.0) & (np.abs(recorded - computed) <= bound)
    same = np.ascontiguousarray(recorded).view(np.int64) == np.ascontiguousarray(computed).view(np.int64)
    found: BoolArray = same | (np.isnan(recorded) & np.isnan(computed)) | near
    return found


def _whole(key: DigestKey, sheet: Sheet, row: int, sides: tuple[str, str], blame: str) -> RecordDifference:
    return RecordDifference(
        event_time=key.event_time, stage=_STAGES[key.stage], symbol=sheet.symbols[row], interval=key.interval,
        where=key.subject, name=WHOLE[key.stage], recorded=sides[0], computed=sides[1], blame=blame,
        offset=sheet.offsets[row],
    )  # fmt: skip


def _numbered(keys: Sequence[str]) -> dict[tuple[str, int], int]:
    """Row by key; one that comes again is numbered."""
    seen: Counter[str] = Counter()
    found = {}
    for row, key in enumerate(keys):
        found[key, seen[key]] = row
        seen[key] += 1
    return found


def _value(number: float) -> Value:
    return None if np.isnan(number) else float(number)


def _shown(value: Value) -> str:
    if isinstance(value, float):
        return f"{value!r} ({bits(value)})"
    return "undefined" if value is None else str(value)
