"""A backtest's ``result.json`` as a page reads it: whole and of the form that is known, or a reason why not."""

from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from signaltape.backtest.document import FORMAT

#: The largest file that is read for a page.
MOST_RESULT_BYTES = 32 * 1024 * 1024

_Number = Annotated[float, Field(allow_inf_nan=False)]


class Unreadable(Exception):
    """A file of a backtest is not what a backtest writes; the message says in what."""


class _Shape(BaseModel):
    """Names that no page reads are let through; nothing is taken for what it isn't, as "1" for 1."""

    model_config = ConfigDict(strict=True)


class _Figure(_Shape):
    value: _Number | None
    unit: str
    reason: str | None = None
    n: int | None = None
    minimum: int | None = None
    low: _Number | None = None
    high: _Number | None = None


class _Traded(_Shape):
    costs: _Number
    trades: int
    wins: int


class _Period(_Traded):
    period: str
    change: _Number = Field(alias="return")
    equity: _Number


class _Symbol(_Traded):
    symbol: str
    gross: _Number
    net: _Number


class _Trading(_Shape):
    capital: _Number = Field(gt=0)


class _Request(_Shape):
    source: str
    trading: _Trading


class _Result(_Shape):
    format: int
    model: str
    interval: str
    first_close: str | None
    last_close: str | None
    sessions: int
    notes: list[str]
    metrics: dict[str, _Figure]
    counts: dict[str, _Number]
    request: _Request
    by_month: list[_Period]
    by_symbol: list[_Symbol]


def read_result(path: Path) -> dict[str, Any]:
    """Return the document, every value that a page shows in its form. Raises Unreadable, which says what is wrong."""
    try:
        size = path.stat().st_size
        if size > MOST_RESULT_BYTES:
            raise Unreadable(f"result.json has {size:,} bytes, more than a page reads")
        found: Any = orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Unreadable(f"result.json can't be read: {error!s:.200}") from error
    if not isinstance(found, dict):
        raise Unreadable("result.json holds no result")
    if found.get("format") != FORMAT:
        raise Unreadable(f"result.json has format {found.get('format')!r:.20}, this release reads {FORMAT}")
    try:
        _Result.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise Unreadable(f"result.json is not of the form of a result: {place:.120}: {first['msg']:.120}") from error
    return found
