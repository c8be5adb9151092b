"""Markets and signals of simulated trading, out of plain arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.trading.options import TradingOptions
from pipeline.trading.results import Stepped
from pipeline.trading.section import Section
from pipeline.trading.simulation import Simulation
from schemas.bars import Adjustment, BarBatch
from schemas.intervals import DAY, MINUTE
from schemas.signal_columns import SignalColumns, SignalTerms
from schemas.signals import SIGNALS

#: Close of the first bar: 2026-01-05 14:31 UTC, a Monday.
BEGIN = 1_767_623_460 * 1_000_000_000


def at(bar: int, interval: str = "1m") -> int:
    """Close of a bar by its number."""
    return BEGIN + bar * (MINUTE if interval == "1m" else DAY)


def bars_of(
    event_time: int, rows: Mapping[str, tuple[float, float]], interval: str = "1m", order: Sequence[str] | None = None
) -> BarBatch:
    """A batch with (open, close) of each symbol."""
    symbols = tuple(order or rows)
    first = np.array([rows[symbol][0] for symbol in symbols], float)
    last = np.array([rows[symbol][1] for symbol in symbols], float)
    return BarBatch(
        feed="feed", source="test", interval=interval, event_time=event_time, available_time=event_time,
        symbols=symbols, open=first, high=np.maximum(first, last), low=np.minimum(first, last), close=last,
        volume=np.ones(len(symbols)), volume_valid=np.ones(len(symbols), bool),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Said:
    """What one signal says; the expiry in bars after its own."""

    signal: str
    score: float = 0.01
    scale: float = 1.0
    horizon: int = 1
    expires: int = 1
    model: str = "alpha"


def signals_of(event_time: int, said: Mapping[str, Said], interval: str = "1m") -> SignalColumns:
    """The signals of one bar time, each with terms of its own."""
    n, step = len(said), MINUTE if interval == "1m" else DAY
    rows = list(said.values())
    return SignalColumns(
        first_seq=0,
        timestamp=event_time / 1e9,
        event_time=event_time,
        interval=interval,
        strategy="test",
        source=(0, 0),
        terms=tuple(
            SignalTerms(
                horizon=one.horizon, model=one.model, model_version=1, models=(f"{one.model}:1",),
                expires_at=event_time + one.expires * step, reason="live",
            )
            for one in rows
        ),
        term=np.arange(n),
        signal_id=["id"] * n,
        symbol=tuple(said),
        direction=np.array([SIGNALS.index(one.signal) for one in rows], np.uint8),
        score=np.array([one.score for one in rows]),
        confidence=np.full(n, 0.5),
        reference_price=np.ones(n),
        position_scale=np.array([one.scale for one in rows]),
    )  # fmt: skip


def split_of(symbol: str, factor: float, effective_time: int) -> Adjustment:
    return Adjustment(
        feed="feed", source="test", symbol=symbol, factor=factor, effective_time=effective_time, available_time=0
    )


def section(
    bar: int,
    rows: Mapping[str, tuple[float, float]],
    said: Mapping[str, Said] | None = None,
    *,
    splits: Sequence[Adjustment] = (),
    interval: str = "1m",
) -> Section:
    """One bar time by its number, all in one batch."""
    return section_at(at(bar, interval), rows, said, splits=splits, interval=interval)


def section_at(
    now: int,
    rows: Mapping[str, tuple[float, float]],
    said: Mapping[str, Said] | None = None,
    *,
    splits: Sequence[Adjustment] = (),
    interval: str = "1m",
) -> Section:
    return Section(
        event_time=now,
        bars=(bars_of(now, rows, interval),) if rows else (),
        splits=tuple(splits),
        signals=(signals_of(now, said, interval),) if said else (),
    )


@dataclass(frozen=True, kw_only=True)
class Market:
    """Prices, shape (bars, symbols), and signals: -1, 0, 1, and ``NONE`` where there is none."""

    symbols: tuple[str, ...]
    open: npt.NDArray[np.float64]
    close: npt.NDArray[np.float64]
    direction: npt.NDArray[np.int64]

    def sections(self, interval: str = "1m", times: Sequence[int] | None = None) -> list[Section]:
        """Every bar time; without ``times`` they follow each other from ``BEGIN`` on."""
        found = []
        for bar in range(len(self.open)):
            rows = {
                symbol: (self.open[bar, place], self.close[bar, place]) for place, symbol in enumerate(self.symbols)
            }
            said = {
                symbol: Said(signal=("flat", "long", "short")[self.direction[bar, place]])
                for place, symbol in enumerate(self.symbols)
                if self.direction[bar, place] != NONE
            }
            now = at(bar, interval) if times is None else times[bar]
            found.append(section_at(now, rows, said, interval=interval))
        return found


#: No signal, in a market's directions.
NONE = 9


def market(seed: int, *, bars: int, symbols: int, signals: float = 0.3, volatility: float = 0.01) -> Market:
    """A seeded random walk with gaps between close and open, prices in cents; ``signals``: how often there is one."""
    rng = np.random.default_rng(seed)
    steps = np.cumsum(rng.normal(0, volatility, (2 * bars, symbols)), axis=0)
    prices = np.round(rng.uniform(20, 200, symbols) * np.exp(steps), 2)
    direction = rng.integers(-1, 2, (bars, symbols))
    return Market(
        symbols=tuple(f"S{number:03d}" for number in range(symbols)),
        open=prices[0::2],
        close=prices[1::2],
        direction=np.where(rng.random((bars, symbols)) < signals, direction, NONE),
    )


def run(options: TradingOptions, sections: Sequence[Section]) -> tuple[Simulation, list[Stepped]]:
    simulation = Simulation(options)
    return simulation, [simulation.step(one) for one in sections]
