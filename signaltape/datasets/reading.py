"""Reads a dataset's rows: what was known first of each bar, and the label as known at the as-of time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from psycopg import sql

from infra.feature_store.catalog import Catalog
from infra.feature_store.fixed_rows import read_rows
from infra.feature_store.pairs import text
from infra.warehouse.connection import Connection
from infra.warehouse.copy_format import POSTGRES_EPOCH_US
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.planning import only_hash_joins
from infra.warehouse.queries import queries
from pipeline.dataset_content import DatasetContent, DatasetTerms, canonical, leaks
from schemas.fields import BoolArray, I8Array
from signaltape.datasets.errors import DatasetError
from signaltape.datasets.request import OPEN_END, OPEN_START, DatasetRequest, Span

_INTEGERS = 6  # place, event, available, corrected, label's event, label's available


@dataclass(frozen=True, kw_only=True)
class Member:
    """A symbol of the universe: its first and last bar and when each became available (ns UTC), and its rows."""

    symbol: str
    first_bar: int
    first_bar_available: int
    last_bar: int
    last_bar_available: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Rows that the content does not have.

    ``late``: their bar came late, so nothing was known of it when it closed. ``unmatured``: without a label at the
    as-of time, of ``unmatured_symbols`` symbols; ``holes`` of them lie before a row with one.
    """

    late: int
    unmatured: int
    unmatured_symbols: int
    holes: int


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the database holds for a request: rows in canonical order, the universe, what was left out."""

    content: DatasetContent
    universe: tuple[Member, ...]
    left_out: LeftOut


def read_dataset(connection: Connection, request: DatasetRequest) -> Reading:
    """Read in the caller's transaction, which must see one snapshot (REPEATABLE READ).

    Raises UnknownFeature and InvalidRequest before rows are read; DatasetError if there is nothing to build, a label
    window reaches beyond what had matured (and ``cut`` is off), or rows hold what could not be known.
    """
    terms, places = request.terms(Catalog.read(connection))
    bound = _parameters(request, terms)
    spans = request.universe or _all_spans(connection, bound)
    bars = _bars(connection, bound, tuple(dict.fromkeys(span.symbol for span in spans)))
    content, corrected = _rows(connection, request, spans, (terms, places))
    late = int(np.count_nonzero(corrected))
    content, left_out = _mature(canonical(content.take(~corrected)), request, late)
    if found := leaks(content, request.as_of):
        raise DatasetError(f"the stored rows can't be used: {'; '.join(found)}")
    rows = Counter(content.symbol.tolist())
    universe = tuple(Member(symbol=name, **times, rows=rows[name]) for name, times in bars.items())
    return Reading(content=content, universe=universe, left_out=left_out)


def _parameters(request: DatasetRequest, terms: DatasetTerms) -> dict[str, Any]:
    return {
        "interval": request.interval,
        "feature_set": terms.feature_set,
        "version": terms.set_version,
        "horizon": request.horizon,
        "after": to_moment(request.after),
        "until": to_moment(request.until),
        "as_of": to_moment(request.as_of),
        "ingested": request.knowledge == "ingested",
    }


def _all_spans(connection: Connection, bound: dict[str, Any]) -> tuple[Span, ...]:
    names = [name for (name,) in connection.execute(queries("datasets")["symbols"], bound).fetchall()]
    if not names:
        raise DatasetError(
            f"nothing was known at {bound['as_of'].isoformat()} of {bound['interval']} bars after "
            f"{bound['after'].isoformat()} up to {bound['until'].isoformat()}; history that was filled in later needs "
            "--knowledge available, or an as-of time after it was stored"
        )
    return tuple(Span(symbol=name) for name in names)


def _bars(connection: Connection, bound: dict[str, Any], symbols: Sequence[str]) -> dict[str, dict[str, int]]:
    """First and last bar of each symbol; DatasetError for one without bars, which may be misspelt."""
    named: dict[str, Any] = {**bound, "symbols": list(symbols)}
    rows: list[tuple[str, datetime, datetime, datetime, datetime]]
    rows = connection.execute(queries("datasets")["universe"], named).fetchall()
    columns = ("first_bar", "first_bar_available", "last_bar", "last_bar_available")
    found = {name: dict(zip(columns, map(to_nanoseconds, times), strict=True)) for name, *times in sorted(rows)}
    if missing := sorted(set(symbols) - found.keys()):
        raise DatasetError(
            f"no {bound['interval']} bar of {', '.join(missing[:8])}{', …' if len(missing) > 8 else ''} was known at "
            f"{bound['as_of'].isoformat()}: name symbols that had bars, or use a later as-of time"
        )
    return found


def rows_statement(
    request: DatasetRequest, terms: DatasetTerms, places: tuple[int, ...], spans: Sequence[Span]
) -> tuple[sql.Composed, dict[str, Any]]:
    """The statement for all rows of the range and its parameters; ``places`` of the features in the set's vector."""
    elements = [sql.SQL("""coalesce(known."values"[{}], 'NaN')""").format(place + 1) for place in places]
    content = sql.SQL("ARRAY[{}, coalesce(labels.log_return, 'NaN')]").format(sql.SQL(", ").join(elements))
    bound = {
        **_parameters(request, terms),
        "symbols": [span.symbol for span in spans],
        "starts": ["-infinity" if span.after == OPEN_START else to_moment(span.after).isoformat() for span in spans],
        "ends": ["infinity" if span.until == OPEN_END else to_moment(span.until).isoformat() for span in spans],
    }
    return sql.SQL(queries("datasets")["rows"]).format(content=content), bound


def _rows(
    connection: Connection,
    request: DatasetRequest,
    spans: Sequence[Span],
    columns: tuple[DatasetTerms, tuple[int, ...]],
) -> tuple[DatasetContent, BoolArray]:
    """All rows of the range, without a label too (its times are 0), and which of them are corrections only."""
    terms, places = columns
    statement, bound = rows_statement(request, terms, places, spans)
    only_hash_joins(connection)
    (place, event, available, corrected, label_event, label_available), numbers = read_rows(
        connection, statement, bound, integers=_INTEGERS, floats=len(places) + 1
    )
    names = np.array([span.symbol for span in spans], dtype=object)
    found = DatasetContent(
        terms=terms,
        symbol=names[place - 1],
        event_time=_ns(event),
        available_time=_ns(available),
        values=numbers[:, :-1],
        label=numbers[:, -1],
        label_event_time=_ns(label_event),
        label_available_time=_ns(label_available),
    )
    return found, corrected == 1


def _ns(stored: I8Array) -> I8Array:
    return (stored + POSTGRES_EPOCH_US) * 1000


def _mature(content: DatasetContent, request: DatasetRequest, late: int) -> tuple[DatasetContent, LeftOut]:
    """Refuse or cut rows whose label wasn't known at the as-of time; `content` is in canonical order."""
    without = content.label_event_time == 0
    count = int(np.count_nonzero(without))
    if not len(content):
        raise DatasetError(
            f"no vectors of {content.terms.feature_set} version {content.terms.set_version} were known at "
            f"{text(request.as_of)} for the range: symbols have vectors once they are past their warm-up"
        )
    if count == len(content):
        raise DatasetError(
            f"none of the {count:,} rows of the range has a return over {request.horizon} bars that was known at "
            f"{text(request.as_of)}; use a later as-of time, or a horizon of the setting "
            "engine.horizons: no others are computed"
        )
    if count and not request.cut:
        row = int(np.flatnonzero(without)[np.argmin(content.event_time[without])])
        raise DatasetError(
            f"the label window of {count:,} rows reaches beyond what had matured at {text(request.as_of)}: the first "
            f"is {content.symbol[row]} at {text(int(content.event_time[row]))}. End the range earlier, use a later "
            "as-of time, or leave these rows out with --cut"
        )
    kept = content.take(~without)
    last = dict(zip(kept.symbol.tolist(), kept.event_time.tolist(), strict=True))
    missing = zip(content.symbol[without].tolist(), content.event_time[without].tolist(), strict=True)
    holes = sum(at < last.get(symbol, 0) for symbol, at in missing)
    symbols = len(set(content.symbol[without].tolist()))
    return kept, LeftOut(late=late, unmatured=count, unmatured_symbols=symbols, holes=holes)
