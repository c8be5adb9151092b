"""How shadows compare with the models that serve, from stored predictions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_moment
from infra.warehouse.queries import queries


@dataclass(frozen=True, kw_only=True)
class ShadowLine:
    """One shadow (`name:version`) on one interval against the live model and, in an experiment, the arm.

    `bars`, `live_rows`: bar times and rows of the serving side while it was a shadow, `first` to `last`.
    `shadow_rows`: what it recorded, `shadow_answered` by itself. The rest is over `compared` rows, at `compared_bars`
    bar times, that both sides answered themselves: rows whose scores are more than the tolerance apart, mean and
    largest absolute difference, Pearson's correlation (None where a side is constant), rows whose direction differs,
    and of those the ones where one says long and the other short.
    """

    shadow: str
    interval: str
    bars: int
    live_rows: int
    first: datetime
    last: datetime
    shadow_rows: int
    shadow_answered: int
    compared: int
    compared_bars: int
    score_differs: int
    mean_difference: float | None
    max_difference: float | None
    correlation: float | None
    direction_differs: int
    direction_opposite: int

    @property
    def score_rate(self) -> float | None:
        """Share of compared rows whose scores differ; None without any."""
        return self.score_differs / self.compared if self.compared else None

    @property
    def direction_rate(self) -> float | None:
        """Share of compared rows whose would-be direction differs; None without any."""
        return self.direction_differs / self.compared if self.compared else None

    @property
    def complete(self) -> bool:
        """Whether the shadow itself answered as many rows as were served."""
        return self.live_rows == self.shadow_answered


def shadow_report(
    connection: Connection,
    strategy: str,
    *,
    after: int | None = None,
    until: int | None = None,
    tolerance: float = 0.0,
) -> tuple[ShadowLine, ...]:
    """Compare every shadow of a strategy over bars with `after` < event_time <= `until` (ns UTC, None: no limit)."""
    values: dict[str, Any] = {
        "strategy": strategy,
        "after": "-infinity" if after is None else to_moment(after),
        "until": "infinity" if until is None else to_moment(until),
        "tolerance": tolerance,
    }
    named = queries("shadows")
    recorded = {row[:2]: row[2:] for row in connection.execute(named["recorded"], values)}
    compared = {row[:2]: row[2:] for row in connection.execute(named["compared"], values)}
    lines = []
    for shadow, interval, bars, rows, first, last in connection.execute(named["expected"], values):
        shadow_rows, answered = recorded.get((shadow, interval), (0, 0))
        both = compared.get((shadow, interval), (0, 0, 0, None, None, None, 0, 0))
        lines.append(
            ShadowLine(
                shadow=shadow, interval=interval, bars=bars, live_rows=rows, first=first, last=last,
                shadow_rows=shadow_rows, shadow_answered=answered, compared=both[0], compared_bars=both[1],
                score_differs=both[2], mean_difference=both[3], max_difference=both[4], correlation=both[5],
                direction_differs=both[6], direction_opposite=both[7],
            )
        )  # fmt: skip
    return tuple(lines)
