"""Tallies: how many rows there are of each kind and symbol, with sums that tell which ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.fields import I8Array

#: What a row belongs to: interval, set, model … and at the end its symbol.
Key = tuple[Any, ...]
#: Rows, and the sums of their event times (µs) and of a second figure (source offset, prediction time …).
#: A row that is missing here and one that is doubled there can cancel in a count, hardly in the sums.
Sums = tuple[int, int, int]

_SHOWN = 5


@dataclass(kw_only=True)
class Tally:
    """Adds cross-sections cheaply: a cross-section's names stay one key until the end."""

    _parts: dict[tuple[Key, tuple[str, ...]], list[int]] = field(default_factory=dict)

    def add(self, key: Key, symbols: tuple[str, ...], event_time: int, second: int) -> None:
        """Add one row for each of `symbols`; `event_time` in ns UTC."""
        part = self._parts.setdefault((key, symbols), [0, 0, 0])
        part[0] += 1
        part[1] += event_time // 1000
        part[2] += second

    def add_each(self, key: Key, symbols: tuple[str, ...], event_time: int, seconds: I8Array) -> None:
        """Add one row for each of `symbols`, each with a second figure of its own."""
        values = seconds.tolist()
        if values and values.count(values[0]) == len(values):
            self.add(key, symbols, event_time, values[0])
            return
        for symbol, second in zip(symbols, values, strict=True):
            self.add(key, (symbol,), event_time, second)

    def by_symbol(self) -> dict[Key, Sums]:
        """Sums by key with the symbol at the end."""
        found: dict[Key, list[int]] = {}
        for (key, symbols), part in self._parts.items():
            for symbol in symbols:
                sums = found.setdefault((*key, symbol), [0, 0, 0])
                for place in range(3):
                    sums[place] += part[place]
        return {key: (sums[0], sums[1], sums[2]) for key, sums in found.items()}

    @property
    def rows(self) -> int:
        """Number of rows added."""
        return sum(len(symbols) * part[0] for (_, symbols), part in self._parts.items())


@dataclass(frozen=True, kw_only=True)
class Line:
    """One stage. `duplicates` and `dead_lettered` of what came `in` are known not to go `out`; `detail`: the first
    differences, "" if both sides agree row for row."""

    stage: str
    in_: int
    out: int
    duplicates: int = 0
    dead_lettered: int = 0
    detail: str = ""

    @property
    def ok(self) -> bool:
        """True if the numbers add up and no difference is known."""
        return self.in_ == self.out + self.duplicates + self.dead_lettered and not self.detail

    def as_json(self) -> dict[str, Any]:
        """The line under its public names."""
        return {
            "stage": self.stage,
            "in": self.in_,
            "out": self.out,
            "duplicates": self.duplicates,
            "dead_lettered": self.dead_lettered,
            "ok": self.ok,
            "detail": self.detail,
        }


def compare(log: Mapping[Key, Sums], table: Mapping[Key, Sums], names: tuple[str, str] = ("log", "table")) -> str:
    """The first keys whose sums differ, as text; "" if none does."""
    differing = sorted((key for key in log.keys() | table.keys() if log.get(key) != table.get(key)), key=repr)
    if not differing:
        return ""
    shown = [_describe(key, log.get(key), table.get(key), names) for key in differing[:_SHOWN]]
    more = f"; and {len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
    return "; ".join(shown) + more


def compare_counts(log: Mapping[Key, int], table: Mapping[Key, int], names: tuple[str, str]) -> str:
    """The same for bare counts; a count of zero is as good as none."""
    return compare(
        {key: (count, 0, 0) for key, count in log.items() if count},
        {key: (count, 0, 0) for key, count in table.items() if count},
        names,
    )


def counts_of(sums: Mapping[Key, Sums]) -> dict[Key, int]:
    """Rows by key."""
    return {key: one[0] for key, one in sums.items()}


def total(sums: Iterable[Sums]) -> int:
    """All rows."""
    return sum(one[0] for one in sums)


def _describe(key: Key, log: Sums | None, table: Sums | None, names: tuple[str, str]) -> str:
    here, there = (0 if one is None else one[0] for one in (log, table))
    name = " ".join(str(part) for part in key)
    if here == there:
        return f"{name}: {here} rows in both, but not the same ones"
    return f"{name}: {here} in the {names[0]}, {there} in the {names[1]}"
