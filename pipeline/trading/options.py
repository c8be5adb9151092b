"""How signals are traded in a simulation: capital, costs, sizes, limits."""

import math
from dataclasses import dataclass

#: Which price of the symbol's next bar an order gets.
FILLS = ("next_open", "next_close")
#: Which directions are traded; a signal for another one closes the position.
SIDES = ("both", "long", "short")
#: What happens to a position whose signal has expired.
EXPIRIES = ("hold", "expire")


@dataclass(frozen=True, kw_only=True, slots=True)
class TradingOptions:
    """Terms of a simulated account. Raises ValueError for a value out of range, with its name and what is allowed.

    - ``capital``: currency at the start. ``commission_bps``: of what is traded, on every fill. ``slippage_bps``: by
      how much the price of a fill is worse than the bar's.
    - ``fill``: ``next_open`` or ``next_close``, of the symbol's own next bar after the signal.
    - ``weight``: share of the equity that a signal of ``position_scale`` 1 asks for.
    - ``max_weight`` of one symbol, ``max_gross`` of all (sum of |weights|), ``max_positions`` (0: no limit): hold at
      each fill, on its prices.
    - ``sides``: ``both``, ``long`` or ``short``.
    - ``lot``: units are whole multiples of it, 0 for any fraction.
    - ``expiry``: ``hold`` a position until the next signal, or ``expire``: close it at the symbol's first bar past
      the ``expires_at`` of its signal; an order that has not been filled by then is void.
    - ``rebalance``: False leaves a position alone while signals repeat its direction and scale; True trades it back
      to its weight at every signal.
    """

    capital: float = 1_000_000.0
    commission_bps: float = 0.0
    slippage_bps: float = 0.0
    fill: str = "next_open"
    weight: float = 0.1
    max_weight: float = 1.0
    max_gross: float = 1.0
    max_positions: int = 0
    sides: str = "both"
    lot: float = 0.0
    expiry: str = "hold"
    rebalance: bool = False

    def __post_init__(self) -> None:
        for name in ("capital", "weight", "max_weight", "max_gross"):
            _at_least(name, getattr(self, name), above=True)
        for name in ("commission_bps", "slippage_bps", "max_positions", "lot"):
            _at_least(name, getattr(self, name), above=False)
        if self.slippage_bps >= 10_000:
            raise ValueError(f"slippage_bps {self.slippage_bps} leaves no price to sell at: give less than 10000")
        if self.weight > self.max_weight:
            raise ValueError(f"weight {self.weight} is above max_weight {self.max_weight}: no position could have it")
        for name, known in (("fill", FILLS), ("sides", SIDES), ("expiry", EXPIRIES)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} {getattr(self, name)!r} is unknown: give one of {', '.join(known)}")


def _at_least(name: str, value: float, *, above: bool) -> None:
    if not math.isfinite(value) or value < 0 or (above and value == 0):
        raise ValueError(f"{name} {value} must be finite and {'above 0' if above else '0 or more'}")
