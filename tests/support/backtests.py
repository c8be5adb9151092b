"""Backtests without a flow: random prices and signals through the account, the record and the files."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipeline.trading.options import TradingOptions
from pipeline.trading.section import Section
from pipeline.trading.simulation import Simulation
from schemas.bars import BarBatch
from schemas.fields import F8Array, I8Array
from schemas.intervals import DAY, HOUR, MINUTE
from schemas.signal_columns import SignalColumns, SignalTerms
from signaltape.backtest import BacktestRequest, BarFile, Choice
from signaltape.backtest.prices import PriceSample
from signaltape.backtest.record import Record
from signaltape.backtest.result import Backtest, Counts
from signaltape.backtest.sections import BarTime
from signaltape.backtest.writing import Writers

FIRST = 20_089 * DAY  # 2025-01-01, a Wednesday
TERMS = SignalTerms(horizon=3, model="drawn", model_version=1, models=("drawn:1",), expires_at=2**62, reason="live")


def minute_closes(sessions: int, minutes: int = 390) -> list[int]:
    """Closes of weekday sessions that begin at 14:30 UTC."""
    days = [day for day in range(sessions * 2 + 4) if np.is_busday(np.datetime64(20_089 + day, "D"))][:sessions]
    return [FIRST + day * DAY + 14 * HOUR + 30 * MINUTE + one * MINUTE for day in days for one in range(1, minutes + 1)]


def daily_closes(sessions: int) -> list[int]:
    """Closes of weekdays at 21:00 UTC."""
    days = [day for day in range(sessions * 2 + 4) if np.is_busday(np.datetime64(20_089 + day, "D"))][:sessions]
    return [FIRST + day * DAY + 21 * HOUR for day in days]


def sections(
    times: list[int], *, symbols: int, interval: str, seed: int = 5, often: float = 0.02, skill: float = 0.1
) -> Iterator[Section]:
    """Random walks; a share ``often`` of the symbols has a signal at each bar, which knows a bit of what comes."""
    drawn = np.random.default_rng(seed)
    names = tuple(f"S{place:04}" for place in range(symbols))
    price, size = drawn.uniform(10, 200, symbols), 0.01 if interval == "1d" else 0.0007
    ahead = drawn.normal(0.0, size, symbols)
    for time in times:
        before, price = price, price * np.exp(ahead)
        ahead = drawn.normal(0.0, size, symbols)
        told = np.flatnonzero(drawn.random(symbols) < often)
        score = skill * ahead[told] + (1 - skill) * drawn.normal(0.0, size, len(told))
        yield Section(
            event_time=time,
            bars=(bars(time, names, before, price, interval),),
            signals=(signals(time, tuple(names[at] for at in told), score, price[told], interval),)
            if len(told)
            else (),
        )


def bars(time: int, names: tuple[str, ...], first: F8Array, last: F8Array, interval: str) -> BarBatch:
    """A cross-section."""
    return BarBatch(
        feed="drawn", source="drawn", interval=interval, event_time=time, available_time=time, symbols=names,
        open=first, high=np.maximum(first, last), low=np.minimum(first, last), close=last,
        volume=np.full(len(names), 1e4), volume_valid=np.ones(len(names), np.bool_), revision=0,
    )  # fmt: skip


def signals(time: int, names: tuple[str, ...], score: F8Array, price: F8Array, interval: str) -> SignalColumns:
    """Long above, short below 0."""
    n = len(names)
    places: I8Array = np.zeros(n, np.int64)
    return SignalColumns(
        first_seq=0, timestamp=0.0, event_time=time, interval=interval, strategy="drawn", source=(0, 0), terms=(TERMS,),
        term=places, signal_id=tuple(f"{time}-{name}" for name in names), symbol=names,
        direction=np.where(score > 0, 1, 2).astype(np.uint8), score=score, confidence=np.full(n, 0.5),
        reference_price=price, position_scale=np.ones(n),
    )  # fmt: skip


def backtested(
    folder: Path,
    course: Iterator[Section],
    *,
    interval: str,
    trading: TradingOptions | None = None,
    notes: tuple[str, ...] = (),
) -> tuple[Backtest, PriceSample]:
    """What a backtest over ``course`` comes to, its long files in ``folder``."""
    options = trading or TradingOptions(commission_bps=0.5, slippage_bps=0.5)
    account, record, counts = Simulation(options), Record(options.capital), Counts()
    with Writers(folder, signals=True) as writers:
        for section in course:
            stepped = account.step(section)
            record.performance.add(section, stepped)  # the IC of signals: there are no predictions
            record.equity.add(stepped)
            record.prices.add(section)
            writers.add(BarTime(section=section, predictions=()), stepped)
            counts.bar_times += 1
            counts.bars += sum(len(batch.symbols) for batch in section.bars)
            counts.signals += sum(len(one) for one in section.signals)
            counts.fills += sum(len(fills) for fills in stepped.fills)
    counts.symbols = account.symbols
    performance = record.performance
    metrics = performance.metrics()
    source = BarFile(path=Path("bars.csv"), interval=interval, stamp="close")
    made = Backtest(
        request=BacktestRequest(choice=Choice(model="drawn"), out=folder, source=source, trading=options),
        folder=folder,
        interval=interval,
        start=metrics.begin or 0,
        end=metrics.end or 0,
        begins={0: "the first bar of bars.csv"},
        model="drawn:1",
        notes=notes,
        counts=counts,
        metrics=metrics,
        sessions=performance.sessions(),
        months=performance.months(),
        coefficients=performance.coefficients(),
        course=record.equity.course(),
        positions=account.positions(),
        by_symbol=account.by_symbol(),
        seconds=1.0,
    )
    return made, record.prices
