"""A simulated market that breaks halfway, so that there is something to find."""

import numpy as np

from producers.simulation.market import MarketConfig, simulate
from schemas.intervals import DAY
from signaltape.demo.parts import Fault, Part, Stretch

_SYMBOLS, _FROZEN = 60, 15
_TRAINING, _LIVE = 260, 120
#: 1 January 2014: after the real bars and before the simulated session, as one clock of bar times asks for.
_START_DAY = 16_071


def fault_part() -> Part:
    """Return daily bars of a simulated market: a year for training, then half a year live, broken from its middle on.

    The predictable part is planted strongly: its few names shall show within weeks what hundreds show of a weak one.
    The seed is fixed, so that what is shown does not depend on the session's.
    """
    breaks = _TRAINING + _LIVE // 2
    config = MarketConfig(
        symbols=_SYMBOLS, sessions=_TRAINING + _LIVE, start_day=_START_DAY, interval="1d", prefix="SIMD", ic=0.35,
        decay_at=breaks, fault_at=breaks, frozen=_FROZEN,
    )  # fmt: skip
    table = simulate(config)
    closes = np.unique(table.event_time)
    border = int(closes[_TRAINING - 1])
    stretch = Stretch(
        strategy="daily",
        model="daily",
        training=table.between(end=border),
        live=table.between(start=border),
        horizon=1,
        effective_from=border + 1,
    )
    begins = int(closes[breaks])
    date = np.datetime64(begins // DAY, "D")
    return Part(
        name="fault",
        origin=f"SIMULATED daily bars of {_SYMBOLS} symbols over {_LIVE} sessions, with a fault from {date} on",
        feed="simulation-1d",
        stretches=(stretch,),
        fault=Fault(
            begins=begins,
            what=f"returns are predictable no more, and {_FROZEN} of {_SYMBOLS} symbols repeat their last price",
        ),
    )
