"""Simulated prices: factor structure, fat tails, intraday patterns and a predictable part of known strength.

Returns of bar t for symbol i, in units of its volatility s_i(t):

    r = s (ic · p + sqrt(1 − ic²) · e),   e = b_i · market + sqrt(1 − b_i²) · own

``market`` and ``own`` are Student t with ``tail`` degrees of freedom, scaled to variance 1. ``p`` is the predictable
part, of variance about 1 and known at bar t − 1: minus the exponentially weighted sum of the symbol's own standardised
returns (short-term reversal). So the correlation of p with the next return is about ``ic`` before ``decay_at``, and
0 from there on.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from producers.bar_table import BarTable
from schemas.intervals import DAY, INTERVALS, MINUTE

_OPEN = 14 * 60 + 30  # minutes after midnight UTC: a US session in winter
_SESSION = 390 * MINUTE


@dataclass(frozen=True, kw_only=True, slots=True)
class MarketConfig:
    """Parameters of a simulated market; equal parameters give equal bars, bit for bit.

    ``start_day`` is a day number since the Unix epoch (UTC). ``ic`` is the strength of the predictable part;
    ``decay_at`` the session (counted from 0) from which it is gone. ``missing`` is the share of bars that don't exist
    (no trade). ``frozen`` symbols repeat their last price from ``fault_at`` on, ``shifted`` ones jump by 30 %.
    ``prefix`` begins every symbol's name. A bar of interval 1d is a whole session, one of another interval at most 4h.
    """

    seed: int = 7
    symbols: int = 500
    sessions: int = 1
    start_day: int = 20_454
    interval: str = "1m"
    prefix: str = "SIM"
    ic: float = 0.08
    tail: float = 4.0
    daily_volatility: float = 0.02
    missing: float = 0.002
    decay_at: int | None = None
    fault_at: int | None = None
    frozen: int = 0
    shifted: int = 0


_F8 = npt.NDArray[np.float64]


def symbol_names(count: int, prefix: str = "SIM") -> npt.NDArray[np.str_]:
    """Return ``count`` names SIM0000, SIM0001 … that can't be taken for real tickers."""
    return np.array([f"{prefix}{number:04d}" for number in range(count)], dtype=np.str_)


def simulate(config: MarketConfig) -> BarTable:
    """Return the market's bars in time order, every symbol once a close except for missing bars."""
    return _bars(config, bars=_SESSION // _length(config.interval), first_minute=_OPEN, stream=0)


def simulate_burst(config: MarketConfig, *, seconds: int, at_minute: int = 60) -> BarTable:
    """Return one-second bars of the same symbols for ``seconds`` s, from ``at_minute`` minutes into each session."""
    burst = MarketConfig(
        **{name: getattr(config, name) for name in MarketConfig.__slots__ if name != "interval"},
        interval="1s",
    )
    return _bars(burst, bars=seconds, first_minute=_OPEN + at_minute, stream=1)


def _bars(config: MarketConfig, *, bars: int, first_minute: int, stream: int) -> BarTable:
    generator = np.random.Generator(np.random.PCG64([config.seed, stream]))
    n, length = config.symbols, bars * config.sessions
    beta = generator.uniform(0.3, 0.8, n)
    scale = config.daily_volatility * generator.uniform(0.6, 1.6, n)
    price = np.exp(generator.normal(4.0, 0.7, n))
    volume_base = np.exp(generator.normal(8.0, 1.0, n))
    profile = _intraday_profile(bars)
    sigma = scale * np.sqrt(_length(config.interval) / _SESSION)
    noise = _noise(generator, length, beta, config.tail)
    shape = np.tile(profile, config.sessions)
    returns = _returns(config, noise, sigma, shape)
    returns[::bars] += generator.normal(0.0, 0.4, (config.sessions, n)) * scale
    close = price * np.exp(np.cumsum(returns, axis=0))
    close = _faults(config, close, bars)
    opening = np.vstack([price[None, :], close[:-1]])
    wick = np.abs(generator.standard_normal((2, length, n))) * sigma * 0.5
    high = np.maximum(opening, close) * np.exp(wick[0])
    low = np.minimum(opening, close) * np.exp(-wick[1])
    volume = np.floor(volume_base * shape[:, None] ** 2 * np.exp(generator.normal(0.0, 0.5, (length, n))) + 1.0)
    there = generator.random((length, n)) >= config.missing
    times = _closes(config, bars, first_minute)
    prices = [np.maximum(np.round(column, 4), 0.0001) for column in (opening, high, low, close)]
    return _flatten(config, times, [*prices, volume], there)


def _length(interval: str) -> int:
    """Return how much of a session (ns) a bar covers: a daily one all of it."""
    return min(INTERVALS[interval], _SESSION)


def _intraday_profile(bars: int) -> _F8:
    """Return the U shape of volatility over a session's bars (mean square 1)."""
    place = (np.arange(bars) + 0.5) / bars
    shape = 0.6 + 1.6 * (2.0 * place - 1.0) ** 2
    return np.asarray(shape / np.sqrt(np.mean(shape**2)), dtype=np.float64)


def _noise(generator: np.random.Generator, length: int, beta: _F8, tail: float) -> _F8:
    unit = np.sqrt((tail - 2.0) / tail)
    market = generator.standard_t(tail, (length, 1)) * unit
    own = generator.standard_t(tail, (length, len(beta))) * unit
    return np.asarray(beta * market + np.sqrt(1.0 - beta**2) * own, dtype=np.float64)


def _returns(config: MarketConfig, noise: _F8, sigma: _F8, shape: _F8) -> _F8:
    """Mix the predictable part into the noise, bar by bar (it depends on the returns before)."""
    keep = 0.8
    unit = np.sqrt(1.0 - keep**2)
    memory = np.zeros(noise.shape[1])
    returns = np.empty_like(noise)
    per_session = len(noise) // config.sessions
    for bar in range(len(noise)):
        gone = config.decay_at is not None and bar // per_session >= config.decay_at
        ic = 0.0 if gone else config.ic
        standard = ic * (-unit * memory) + np.sqrt(1.0 - ic**2) * noise[bar]
        memory = keep * memory + standard
        returns[bar] = standard * sigma * shape[bar]
    return returns


def _faults(config: MarketConfig, close: _F8, bars: int) -> _F8:
    if config.fault_at is None:
        return close
    first = config.fault_at * bars
    close[first:, : config.frozen] = close[first, : config.frozen]
    close[first:, config.frozen : config.frozen + config.shifted] *= 1.3
    return close


def _closes(config: MarketConfig, bars: int, first_minute: int) -> npt.NDArray[np.int64]:
    step = _length(config.interval)
    days: list[int] = []
    day = config.start_day
    while len(days) < config.sessions:
        if (day + 3) % 7 < 5:  # day 0 was a Thursday: 0 … 4 are Monday to Friday
            days.append(day)
        day += 1
    start = np.array(days, dtype=np.int64) * DAY + first_minute * MINUTE
    return np.asarray((start[:, None] + np.arange(1, bars + 1, dtype=np.int64) * step).reshape(-1), dtype=np.int64)


def _flatten(
    config: MarketConfig, times: npt.NDArray[np.int64], columns: list[_F8], there: npt.NDArray[np.bool_]
) -> BarTable:
    opening, high, low, close, volume = (column[there] for column in columns)
    bar, symbol = np.nonzero(there)
    return BarTable(
        interval=config.interval,
        symbol=symbol_names(config.symbols, config.prefix)[symbol],
        event_time=times[bar],
        open=opening,
        high=high,
        low=low,
        close=close,
        volume=volume,
        volume_valid=np.ones(len(bar), dtype=np.bool_),
        line=np.arange(1, len(bar) + 1, dtype=np.int64),
    )
