"""Returns of a simulated market, and a score that knows a little of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from pipeline.drift.simulation.scenario import Scenario
from schemas.fields import BoolArray

F4Array = npt.NDArray[np.float32]

#: GARCH(1, 1): what a shock adds to the variance, and what stays of it; a name's own, of mean 1.
_SHOCK, _KEPT = 0.05, 0.93
#: Daily volatility of a name in calm times; and by how much it is larger in a regime.
_CALM, _REGIME = 0.015, 3.0
#: Chance a session that a regime begins (after 200 sessions on average) and ends (after 50).
_BEGIN, _END = 1 / 200, 1 / 50
#: Rank IC over the share of a name's own shock that the score knows: by roughness, blocks, overlap. Measured.
_YIELD = {
    (False, False, False): 0.955, (True, False, False): 1.316, (True, True, False): 1.029,
    (True, False, True): 2.95, (True, True, True): 2.48,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Market:
    """Arrays (sessions, names), float32: log ``returns`` of each session, ``scores`` known at its end, ``signal``: the
    part of ``returns`` that the score of the session before knew. ``turbulent`` (sessions,): in a regime.
    """

    returns: F4Array
    scores: F4Array
    signal: F4Array
    turbulent: BoolArray


def autoregressive(rng: Generator, shape: tuple[int, ...], persistence: float) -> F4Array:
    """Stationary AR(1) of variance 1, float32; sessions along the first axis of ``shape``."""
    values = rng.standard_normal(shape, dtype=np.float32)
    fresh = np.float32((1 - persistence**2) ** 0.5)
    kept = np.float32(persistence)
    values[1:] *= fresh
    for at in range(1, len(values)):
        values[at] += kept * values[at - 1]
    return values


def market(rng: Generator, scenario: Scenario) -> Market:
    """Draw a market with its score; ``scenario.total`` sessions."""
    total, names, blocks = scenario.total, scenario.names, scenario.blocks
    shared = np.float32(scenario.correlation**0.5)
    own = np.float32((1 - scenario.correlation) ** 0.5)
    scores = autoregressive(rng, (total, names), scenario.persistence)
    if blocks > 1:
        common = autoregressive(rng, (total, blocks), scenario.persistence)
        scores = shared * np.repeat(common, names // blocks, axis=1) + own * scores
    turbulent = _regimes(rng, total) if scenario.rough else np.zeros(total, np.bool_)
    known = np.float32(_known(scenario))
    residual = _shocks(rng, (total, names), rough=scenario.rough) * np.float32((1 - known**2) ** 0.5)
    factor = np.repeat(_shocks(rng, (total, blocks), rough=scenario.rough), names // blocks, axis=1)
    ahead = np.zeros_like(scores)
    ahead[1:] = known * scores[:-1]
    shocks = (shared * factor + own * (ahead + residual)).astype(np.float32)
    volatility = _volatility(shocks, turbulent, rough=scenario.rough)
    return Market(returns=volatility * shocks, scores=scores, signal=volatility * own * ahead, turbulent=turbulent)


def _known(scenario: Scenario) -> float:
    """Share of a name's own shock that the score knows, for the scenario's true IC."""
    kind = (scenario.rough, scenario.blocks > 1, scenario.horizon > 1)
    if kind not in _YIELD:
        raise ValueError(f"{scenario}: blocks and overlap are made for rough markets only")
    return scenario.coefficient / _YIELD[kind]


def _shocks(rng: Generator, shape: tuple[int, int], *, rough: bool) -> F4Array:
    """Of variance 1: t with three degrees of freedom, or normal."""
    if not rough:
        return rng.standard_normal(shape, dtype=np.float32)
    squares = rng.standard_normal((3, *shape), dtype=np.float32)
    np.square(squares, out=squares)
    # t₃ has variance 3: over √3 it is normal / √(χ²₃).
    drawn = rng.standard_normal(shape, dtype=np.float32)
    drawn /= np.sqrt(squares[0] + squares[1] + squares[2])
    return drawn


def _regimes(rng: Generator, sessions: int) -> BoolArray:
    draws = rng.random(sessions)
    state = bool(draws[0] < _BEGIN / (_BEGIN + _END))
    states = [state]
    for draw in draws[1:].tolist():
        state = draw >= _END if state else draw < _BEGIN
        states.append(state)
    return np.array(states)


def _volatility(shocks: F4Array, turbulent: BoolArray, *, rough: bool) -> F4Array:
    """Volatility (sessions, names): regime × a name's own GARCH, of shocks of variance 1."""
    volatility = np.full(shocks.shape, _CALM, np.float32)
    if not rough:
        return volatility
    variance = np.ones(shocks.shape[1], np.float32)
    floor, shock, kept = np.float32(1 - _SHOCK - _KEPT), np.float32(_SHOCK), np.float32(_KEPT)
    for at in range(len(shocks)):
        volatility[at] *= np.sqrt(variance)
        variance = floor + variance * (kept + shock * np.square(shocks[at]))
    volatility[turbulent] *= np.float32(_REGIME)
    return volatility
