"""Features of a simulated model, in kinds that drift detectors find hard."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.random import Generator

from pipeline.drift.simulation.market import F4Array, Market, autoregressive
from pipeline.feature_stats import BINS, EDGES
from schemas.fields import BoolArray, I8Array

#: AR(1) parameter of slow features: half of a deviation is left after 34 sessions.
SLOW = 0.98
#: Weight of what all names have in common in a ``shared`` feature, its own part has √(1 - weight²).
COMMON = 0.1
_EDGES = EDGES.astype(np.float32)

#: Kind and number of each; a feature is named ``<kind>_<number>``.
KINDS: Mapping[str, int] = MappingProxyType({"own": 6, "fresh": 4, "shared": 4, "volatility": 6})
NAMES = tuple(f"{kind}_{at}" for kind, number in KINDS.items() for at in range(number))


def feature(name: str, rng: Generator, market: Market) -> F4Array:
    """Values (sessions, names), float32, of a feature.

    - ``own``: AR(.98), each name by itself;
    - ``fresh``: independent from session to session;
    - ``shared``: AR(.98) with a part that all names have in common;
    - ``volatility``: root of exponentially weighted squared returns, half-life 2, 4, 8, 16, 32, 64 sessions.
    """
    kind, _, number = name.rpartition("_")
    return _MAKERS[kind](rng, market, int(number))


def _own(rng: Generator, market: Market, _: int) -> F4Array:
    return autoregressive(rng, market.returns.shape, SLOW)


def _fresh(rng: Generator, market: Market, _: int) -> F4Array:
    return rng.standard_normal(market.returns.shape, dtype=np.float32)


def _shared(rng: Generator, market: Market, _: int) -> F4Array:
    own = autoregressive(rng, market.returns.shape, SLOW)
    common = autoregressive(rng, (len(own), 1), SLOW)
    return np.float32((1 - COMMON**2) ** 0.5) * own + np.float32(COMMON) * common


def _volatility(_: Generator, market: Market, number: int) -> F4Array:
    kept = np.float32(0.5 ** (1 / 2 ** (number + 1)))
    squares = np.square(market.returns)
    squares[0] = np.add.reduce(squares[:20], axis=0) / 20  # begun near its level, not at one wild return
    squares[1:] *= 1 - kept
    for at in range(1, len(squares)):
        squares[at] += kept * squares[at - 1]
    return np.sqrt(squares)


_MAKERS: Mapping[str, Callable[[Generator, Market, int], F4Array]] = MappingProxyType(
    {"own": _own, "fresh": _fresh, "shared": _shared, "volatility": _volatility}
)


def binned(values: F4Array, there: BoolArray | None) -> I8Array:
    """Counts (sessions, BINS) of values (sessions, names) over the fixed bins; only where ``there``."""
    sessions = len(values)
    bins = np.searchsorted(_EDGES, values, side="right")
    bins += np.arange(sessions)[:, None] * BINS
    flat = bins.reshape(-1) if there is None else bins[there]
    return np.bincount(flat, minlength=sessions * BINS).reshape(sessions, BINS)
