"""How an experiment went: each side's return, drawdown, Sharpe and hit rate, and how sure their difference is."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from infra.settings import Settings
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.experiment_outcomes import Outcomes, experiment_outcomes
from pipeline.drift.results import Insufficient
from pipeline.experiments.difference import ArmReturns, Differences, differences, seed_of
from pipeline.experiments.history import Span
from pipeline.experiments.performance import Sharpe, max_drawdown, periods_per_year, sharpe_ratio, total_return
from schemas.times import iso
from signaltape.experiments.errors import UnknownExperiment
from signaltape.experiments.issuing import runs_of
from signaltape.promotion.history import read_decisions

SIDES = ("control", "arm")


@dataclass(frozen=True, kw_only=True, slots=True)
class SideReport:
    """One side. Returns are those of a unit of capital spread evenly over its symbols, before costs."""

    side: str
    model: str
    position_scale: float
    symbols: int
    rows: int
    positions: int
    fallbacks: int
    judged: int
    hit_rate: float | None
    bar_times: int
    total_return: float
    max_drawdown: float
    sharpe: Sharpe | Insufficient


@dataclass(frozen=True, kw_only=True, slots=True)
class IntervalReport:
    """Both sides on one interval; ``first``, ``last``: bar times (ns UTC) whose returns are in, None without any."""

    interval: str
    first: int | None
    last: int | None
    bars_a_year: float
    sides: tuple[SideReport, ...]
    differences: Differences | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExperimentReport:
    """An experiment's newest run and what came of it, interval by interval."""

    run: Span
    confidence: float
    intervals: tuple[IntervalReport, ...]

    def document(self) -> dict[str, Any]:
        """The report as plain values."""
        test = self.run.experiment
        return {
            "experiment": test.name, "strategy": self.run.strategy, "status": self.run.status,
            "control": str(self.run.control), "arm": str(test.arm), "ratio": test.ratio,
            "capital": {"control": test.control_capital, "arm": test.arm_capital}, "confidence": self.confidence,
            "intervals": [_interval_document(one) for one in self.intervals],
        }  # fmt: skip


def report(settings: Settings, name: str, *, confidence: float = 0.95) -> ExperimentReport:
    """Report on an experiment from the store. Raises UnknownExperiment, also where nothing was stored yet."""
    run = runs_of(read_decisions(settings), name)[-1]

    def read(connection: Connection) -> list[Outcomes]:
        return experiment_outcomes(connection, name, run.strategy)

    with Warehouse(settings, "signaltape-experiments") as warehouse:
        found = warehouse.run(read)
    if not found:
        raise UnknownExperiment(f"experiment {name} is {run.status}, but no prediction under it is stored yet")
    intervals = sorted({one.interval for one in found})
    return ExperimentReport(
        run=run,
        confidence=confidence,
        intervals=tuple(
            _interval(run, interval, {one.side: one for one in found if one.interval == interval}, confidence)
            for interval in intervals
        ),
    )


def _interval(run: Span, interval: str, found: dict[str, Outcomes], confidence: float) -> IntervalReport:
    sides = [found.get(side, Outcomes(interval=interval, side=side)) for side in SIDES]
    times = np.array(sorted({time for side in sides for time in side.times}), dtype=np.int64)
    yearly = periods_per_year(times)
    control, arm = (
        ArmReturns(times=np.array(side.times, dtype=np.int64), returns=np.array(side.returns)) for side in sides
    )
    horizon = max(1, *(side.horizon for side in sides))
    return IntervalReport(
        interval=interval,
        first=int(times[0]) if len(times) else None,
        last=int(times[-1]) if len(times) else None,
        bars_a_year=yearly,
        sides=tuple(_side(run, side, yearly) for side in sides),
        differences=differences(
            control, arm, horizon=horizon, seed=seed_of(run.experiment.name), confidence=confidence
        ),
    )


def _side(run: Span, one: Outcomes, yearly: float) -> SideReport:
    returns, place = np.array(one.returns), SIDES.index(one.side)
    return SideReport(
        side=one.side,
        model=str((run.control, run.experiment.arm)[place]),
        position_scale=run.experiment.scales[place],
        symbols=one.symbols,
        rows=one.rows,
        positions=one.positions,
        fallbacks=one.fallbacks,
        judged=one.judged,
        hit_rate=one.hits / one.judged if one.judged else None,
        bar_times=len(returns),
        total_return=total_return(returns),
        max_drawdown=max_drawdown(returns),
        sharpe=sharpe_ratio(returns, yearly),
    )


def _interval_document(one: IntervalReport) -> dict[str, Any]:
    found = one.differences
    return {
        "interval": one.interval,
        "first": None if one.first is None else iso(one.first),
        "last": None if one.last is None else iso(one.last),
        "bars_a_year": one.bars_a_year,
        "sides": [asdict(side) for side in one.sides],
        "difference": None if found is None else asdict(found),
    }
