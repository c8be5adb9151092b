"""One thing that data is expected to hold, and whether it does."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

import numpy as np

from infra.errors import OperatorError
from signaltape.validation.frame import Frame

Severity = Literal["critical", "warning"]
_SECONDS = 1_000_000_000


class ValidationError(OperatorError):
    """Data or a suite of expectations is not what it must be; the message says which check, and what was found."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """What ``kind`` of check (see `KINDS`), of which ``column`` (empty: of all rows), and with which bounds.

    ``minimum``, ``maximum``: bounds included, None for none; seconds for ``fresh``. ``share``: of the rows that must
    hold it. ``values``: what is allowed; for ``unique`` the columns of the key. A ``critical`` one that fails stops
    training.
    """

    kind: str
    severity: Severity
    column: str = ""
    minimum: float | None = None
    maximum: float | None = None
    share: float = 1.0
    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for ok, rule in (
            (self.kind in KINDS, f"kind {self.kind!r} is not one of {', '.join(KINDS)}"),
            (self.severity in get_args(Severity), f"severity {self.severity!r} is not critical or warning"),
            (bool(self.column) == (self.kind in _OF_A_COLUMN), f"{self.kind}: which column? (or: it has none)"),
            (0.0 <= self.share <= 1.0, f"share is {self.share}; it must lie in [0, 1]"),
        ):
            if not ok:
                raise ValidationError(f"expectation of {self.column or 'the rows'}: {rule}")

    def document(self) -> dict[str, Any]:
        """Plain values, without those that say nothing."""
        kept = {one.name: one.default for one in fields(self)}
        values = {name: value for name, value in asdict(self).items() if value != kept[name]}
        return values | ({"values": list(self.values)} if self.values else {})


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """``held`` None: nothing to tell it from. ``detail`` for people, ``figures`` for machines."""

    held: bool | None
    detail: str
    figures: Mapping[str, Any] = field(default_factory=dict)


def ask(expectation: Expectation, frame: Frame) -> Answer:
    """Whether the data holds it; a column that isn't there fails."""
    if expectation.column and expectation.column not in frame.columns:
        return Answer(held=False, detail="there is no such column")
    return KINDS[expectation.kind](expectation, frame)


def _rows(wanted: Expectation, frame: Frame) -> Answer:
    least = wanted.minimum or 0.0
    detail = f"{len(frame):,} rows, needed are {least:,.0f}"
    return Answer(held=len(frame) >= least, detail=detail, figures={"rows": len(frame)})


def _not_null(wanted: Expectation, frame: Frame) -> Answer:
    share = float(np.mean(frame.known(wanted.column))) if len(frame) else 0.0
    detail = f"{share:.2%} of the rows have a value, expected are {wanted.share:.2%}"
    return Answer(held=share >= wanted.share, detail=detail, figures={"share": share})


def _range(wanted: Expectation, frame: Frame) -> Answer:
    """Finite, and within the bounds; undefined values don't count."""
    values = frame.columns[wanted.column][frame.known(wanted.column)].astype(np.float64)
    if len(values) == 0:
        return Answer(held=None, detail="no row has a value")
    low = -np.inf if wanted.minimum is None else wanted.minimum
    high = np.inf if wanted.maximum is None else wanted.maximum
    inside = np.isfinite(values) & (values >= low) & (values <= high)
    share = float(np.mean(inside))
    bounds = f"[{low:.6g}, {high:.6g}]" if wanted.minimum is not None or wanted.maximum is not None else "finite"
    detail = f"{share:.3%} of the values are within {bounds}, expected are {wanted.share:.3%}"
    if not inside.all():
        worst = values[~inside]
        detail += f"; outside: {len(worst):,}, from {worst.min():.6g} to {worst.max():.6g}"
    return Answer(held=share >= wanted.share, detail=detail, figures={"share": share, "outside": int((~inside).sum())})


def _allowed(wanted: Expectation, frame: Frame) -> Answer:
    column = frame.columns[wanted.column]
    names, counts = np.unique(column.astype(str), return_counts=True)
    strange = {str(name): int(count) for name, count in zip(names, counts, strict=True) if name not in wanted.values}
    share = 1.0 - sum(strange.values()) / max(len(column), 1)
    named = ", ".join(list(strange)[:5]) + (" …" if len(strange) > 5 else "")
    detail = f"{share:.2%} of the rows have an expected value" + (
        f"; {len(strange)} others: {named}" if strange else ""
    )
    return Answer(held=share >= wanted.share, detail=detail, figures={"share": share, "others": strange})


def _fresh(wanted: Expectation, frame: Frame) -> Answer:
    if frame.as_of is None or len(frame) == 0:
        return Answer(held=None, detail="the data doesn't say as of when it is to be judged")
    age = (frame.as_of - int(frame.columns[wanted.column].max())) / _SECONDS
    limit = np.inf if wanted.maximum is None else wanted.maximum
    detail = f"the newest row is {age / 3600:,.1f} hours old, expected are at most {limit / 3600:,.1f}"
    return Answer(held=age <= limit, detail=detail, figures={"age_s": age})


def _unique(wanted: Expectation, frame: Frame) -> Answer:
    if missing := [name for name in wanted.values if name not in frame.columns]:
        return Answer(held=False, detail=f"there is no column {missing[0]}")
    keys = [np.unique(frame.columns[name].astype(str), return_inverse=True)[1] for name in wanted.values]
    distinct = len(np.unique(np.stack(keys, axis=1), axis=0)) if len(frame) else 0
    doubled = len(frame) - distinct
    detail = f"{doubled:,} rows repeat the {', '.join(wanted.values)} of another one"
    return Answer(held=doubled == 0, detail=detail, figures={"doubled": doubled})


def _varies(wanted: Expectation, frame: Frame) -> Answer:
    values = frame.columns[wanted.column][frame.known(wanted.column)]
    if len(values) == 0:
        return Answer(held=False, detail="no row has a value")
    constant = bool((values == values[0]).all())
    detail = f"every row has the value {values[0]!s}" if constant else "it has more than one value"
    return Answer(held=not constant, detail=detail)


#: Kind → check. ``rows``: at least ``minimum``. ``not_null``, ``range``, ``allowed``: ``share`` of the rows (range: of
#: the values; finite in any case). ``fresh``: the newest is at most ``maximum`` seconds old. ``varies``: not constant.
KINDS: Mapping[str, Callable[[Expectation, Frame], Answer]] = {
    "rows": _rows,
    "not_null": _not_null,
    "range": _range,
    "allowed": _allowed,
    "fresh": _fresh,
    "unique": _unique,
    "varies": _varies,
}
_OF_A_COLUMN = frozenset(KINDS) - {"rows", "unique"}
