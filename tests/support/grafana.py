"""A dashboard's queries as Grafana would send them, and what it needs of an answer to draw it.

Macros as in Grafana's Postgres data source with TimescaleDB on, variables as its front end replaces them: for SQL a
list of literals where several values can be chosen, else the bare text with quotes doubled; for Prometheus a pattern.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_MACRO = re.compile(r"\$__(\w+)\(([^)]*)\)")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
Values = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Span:
    """The range that the reader looks at (seconds since 1970), and the width of a point (`1m`, `6h` …)."""

    start: float
    end: float
    interval: str

    @property
    def seconds(self) -> int:
        """The width of a point."""
        return int(self.interval[:-1]) * _SECONDS[self.interval[-1]]

    def moments(self) -> tuple[str, str]:
        """Both ends as SQL literals."""
        ends = (datetime.fromtimestamp(one, UTC).isoformat().replace("+00:00", "Z") for one in (self.start, self.end))
        first, last = (f"'{one}'" for one in ends)
        return first, last


def sql_of(statement: str, span: Span, values: Values) -> str:
    """The statement that reaches Postgres. AssertionError for a variable or a macro that nothing replaces."""
    for name, value in values.items():
        if isinstance(value, str):
            text = value.replace("'", "''")
        else:
            text = ",".join("'" + one.replace("'", "''") + "'" for one in value)
        statement = re.sub(rf"\$(?:{name}\b|{{{name}}})", lambda _, text=text: text, statement)  # type: ignore[misc]
    statement = statement.replace("$__interval", span.interval)
    statement = _MACRO.sub(lambda found: _macro(found[1], found[2], span), statement)
    assert "$" not in statement, f"nothing replaces {statement[statement.index('$') :][:30]}"
    return statement


def _macro(name: str, arguments: str, span: Span) -> str:
    first, last = span.moments()
    column, *_ = parts = [one.strip() for one in arguments.split(",")]
    if name == "timeFilter":
        return f"{column} BETWEEN {first} AND {last}"
    if name in ("timeGroup", "timeGroupAlias"):
        assert parts[1].strip("'") == span.interval
        return f"time_bucket('{span.seconds:.3f}s',{column})" + (' AS "time"' if name == "timeGroupAlias" else "")
    return {"timeFrom": first, "timeTo": last}[name]


def promql_of(expr: str, values: Values, *, step_s: float, scrape_s: float) -> str:
    """The expression that reaches Prometheus; the rate interval is a step and a scrape, and at least four scrapes."""
    rate = max(step_s + scrape_s, 4 * scrape_s)
    expr = expr.replace("$__rate_interval", f"{rate * 1_000:.0f}ms")
    for name, value in values.items():
        several = [value] if isinstance(value, str) else value
        pattern = several[0] if several == [".*"] else "(" + "|".join(map(re.escape, several)) + ")"
        expr = re.sub(rf"\$(?:{name}\b|{{{name}}})", lambda _, pattern=pattern: pattern, expr)  # type: ignore[misc]
    assert "$" not in expr, f"nothing replaces {expr[expr.index('$') :][:30]}"
    return expr


@dataclass(frozen=True)
class Answer:
    """Columns and rows of a statement."""

    columns: list[str]
    rows: list[tuple[object, ...]]

    def of(self, column: str) -> list[object]:
        """One column's values."""
        return [row[self.columns.index(column)] for row in self.rows]

    def drawable(self) -> str:
        """Why Grafana can't draw it over time, "" if it can."""
        if "time" not in self.columns:
            return "no column named time"
        times = self.of("time")
        if not all(isinstance(one, datetime) for one in times):
            return "times that are none"
        if times != sorted(times):  # type: ignore[type-var]
            return "times out of order"
        numbers = [name for name in self.columns if name not in ("time", "metric")]
        found = [[one for one in self.of(name) if one is not None] for name in numbers]
        if not all(isinstance(one, int | float) and not isinstance(one, bool) for column in found for one in column):
            return "a column of values that are no numbers"
        return "" if any(found) else "no number"
