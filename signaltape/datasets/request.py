"""What a dataset is asked for, and by whom it may be chosen: symbols, and the spans of time in which they count."""

import csv
from dataclasses import dataclass
from pathlib import Path

from infra.feature_store import InvalidRequest, Knowledge
from infra.feature_store.catalog import Catalog
from infra.feature_store.errors import unknown
from infra.feature_store.pairs import text
from pipeline.dataset_content import COLUMNS, DatasetTerms
from producers.timestamps import parse_time
from schemas.intervals import INTERVALS
from schemas.names import is_name

#: Ends of a span without one, ns UTC: 1970 and 2261.
OPEN_START, OPEN_END = 0, 9_214_646_400_000_000_000


@dataclass(frozen=True, kw_only=True, order=True)
class Span:
    """A symbol counts for bars that close after ``after`` and at or before ``until`` (ns UTC)."""

    symbol: str
    after: int = OPEN_START
    until: int = OPEN_END


@dataclass(frozen=True, kw_only=True)
class DatasetRequest:
    """Everything that decides a dataset's content.

    Bars that close after ``after`` and at or before ``until``, as known at ``as_of`` (ns UTC, cut to microseconds).
    ``features`` empty: all of the set; ``version`` None: the newest registered. ``universe`` None: every symbol with
    bars in the range. ``cut``: leave out rows whose label hasn't matured instead of refusing. Raises InvalidRequest.
    """

    after: int
    until: int
    as_of: int
    horizon: int
    interval: str
    feature_set: str = "core"
    version: int | None = None
    features: tuple[str, ...] = ()
    knowledge: Knowledge = "ingested"
    universe: tuple[Span, ...] | None = None
    cut: bool = False

    def __post_init__(self) -> None:
        for name in ("after", "until", "as_of"):
            object.__setattr__(self, name, getattr(self, name) // 1000 * 1000)
        if self.interval not in INTERVALS:
            raise unknown("interval", self.interval, INTERVALS, "the table of intervals")
        if self.after >= self.until:
            raise InvalidRequest(f"the range is reversed or empty: it begins at {text(self.after)}, "
                                 f"ends at {text(self.until)}")  # fmt: skip
        if self.until > self.as_of:
            raise InvalidRequest(
                f"the range ends at {text(self.until)}, after the as-of time {text(self.as_of)}: "
                "nothing was known of its end then"
            )
        if self.horizon < 1:
            raise InvalidRequest(f"horizon is {self.horizon}; give at least 1 bar")
        if doubled := [name for place, name in enumerate(self.features) if name in self.features[:place]]:
            raise InvalidRequest(f"feature {doubled[0]!r} is asked for twice")
        if self.universe is not None:
            _check_spans(self.universe)

    def terms(self, catalog: Catalog) -> tuple[DatasetTerms, tuple[int, ...]]:
        """What the columns mean, and each one's place in the set's vector. Raises UnknownFeature, InvalidRequest."""
        version = self.version
        if version is None:
            version = max((number for name, number in catalog.sets if name == self.feature_set), default=1)
        found = catalog.find_set(self.feature_set, version)
        wanted = self.features or found.features
        for name in wanted:
            if name not in found.features:
                if any(known == name for known, _ in catalog.values):
                    raise InvalidRequest(f"feature {name!r} has rows of its own; a dataset takes columns of one set")
                raise unknown("feature", name, found.features, f"{self.feature_set} version {version}")
            if name in COLUMNS:
                raise InvalidRequest(f"feature {name!r} has the name of another column of a dataset")
        terms = DatasetTerms(
            feature_set=self.feature_set,
            set_version=version,
            set_hash=found.hash,
            features=tuple(wanted),
            interval=self.interval,
            horizon=self.horizon,
            knowledge=self.knowledge,
        )
        return terms, tuple(found.features.index(name) for name in wanted)


def read_universe(path: Path) -> tuple[Span, ...]:
    """Spans of a CSV file with a head: ``symbol`` and, where known, ``from`` and ``to`` (ISO-8601 with zone).

    A symbol may have several lines that don't overlap. Raises InvalidRequest naming the line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            if "symbol" not in (reader.fieldnames or ()):
                raise InvalidRequest(f"{path}: the first line must name the columns: symbol and, where known, from, to")
            spans = [_span(path, reader.line_num, line) for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidRequest(f"{path}: can't be read as CSV ({error})") from error
    if not spans:
        raise InvalidRequest(f"{path}: names no symbol")
    _check_spans(tuple(spans))
    return tuple(sorted(spans))


def _span(path: Path, number: int, line: dict[str, str | None]) -> Span:
    try:
        after, until = (parse_time(moment) if (moment := line.get(name)) else None for name in ("from", "to"))
    except ValueError as error:
        raise InvalidRequest(f"{path}, line {number}: {error}") from None
    return Span(
        symbol=(line["symbol"] or "").strip(),
        after=OPEN_START if after is None else after // 1000 * 1000,
        until=OPEN_END if until is None else until // 1000 * 1000,
    )


def _check_spans(spans: tuple[Span, ...]) -> None:
    before: Span | None = None
    for span in sorted(spans):
        if not is_name(span.symbol):
            raise InvalidRequest(f"{span.symbol!r} is no name of a symbol")
        if span.after >= span.until:
            raise InvalidRequest(f"the span of {span.symbol} is reversed or empty: it ends at {text(span.until)}")
        if before is not None and before.symbol == span.symbol and span.after < before.until:
            raise InvalidRequest(f"two spans of {span.symbol} overlap at {text(span.after)}")
        before = span
    if not spans:
        raise InvalidRequest("no symbols: name at least one, or take all")
