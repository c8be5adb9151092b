"""What came of an experiment, side by side, from stored predictions and returns."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_nanoseconds
from infra.warehouse.planning import only_hash_joins
from infra.warehouse.queries import queries


@dataclass(kw_only=True)
class Outcomes:
    """One side (`control` or `arm`) on one interval, over all of its bar times.

    `rows`: predictions; of these `positions` stand for long or short and `fallbacks` were not answered by the model.
    `judged`: positions whose return over the horizon has matured and isn't 0; `hits` have its sign. `earning`: rows
    whose next bar has closed. `times` (ns UTC) and `returns` (mean of position · return to the next bar over the
    side's symbols) are those of bar times with such rows.
    """

    interval: str
    side: str
    symbols: int = 0
    rows: int = 0
    positions: int = 0
    fallbacks: int = 0
    judged: int = 0
    hits: int = 0
    earning: int = 0
    horizon: int = 0
    times: list[int] = field(default_factory=list)
    returns: list[float] = field(default_factory=list)


def experiment_outcomes(connection: Connection, experiment: str, strategy: str) -> list[Outcomes]:
    """Both sides of an experiment by interval, inside the caller's transaction; empty where nothing was predicted."""
    values = {"experiment": experiment, "strategy": strategy}
    named = queries("experiments")
    only_hash_joins(connection)
    found: dict[tuple[str, str], Outcomes] = {}
    for interval, side, time, *counts, mean, horizon in connection.execute(named["by time"], values):
        one = found.setdefault((interval, side), Outcomes(interval=interval, side=side))
        _add(one, counts)
        one.horizon = max(one.horizon, horizon)
        if mean is not None:
            one.times.append(to_nanoseconds(time))
            one.returns.append(mean)
    for interval, side, symbols in connection.execute(named["symbols"], values):
        found[interval, side].symbols = symbols
    return list(found.values())


def _add(one: Outcomes, counts: Iterable[int]) -> None:
    rows, positions, fallbacks, judged, hits, earning = counts
    one.rows += rows
    one.positions += positions
    one.fallbacks += fallbacks
    one.judged += judged
    one.hits += hits
    one.earning += earning
