"""Axes: round steps for numbers, calendar marks for bar times."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from schemas.fields import I8Array
from schemas.intervals import DAY, HOUR, MINUTE, session_of

#: More marks than this don't fit beside each other.
_MOST = 9
#: Fewer years or months than this are shown by the next finer part.
_LEAST = 4
_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers from at or above ``low`` to at or below ``high``, about ``count`` of them.

    >>> ticks(0.0, 1.0), ticks(-3.0, 94.0)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.0, 20.0, 40.0, 60.0, 80.0])
    """
    if not high > low:
        return [low]
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * min(_ROUND, key=lambda one: abs(one * power - raw))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(place * step, 12) + 0.0 for place in range(first, last + 1)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """What a scale is measured in: ``label`` beside it, ``form`` of one number given the decimals that tell steps
    apart."""

    label: str
    form: Callable[[float, int], str]

    def texts(self, values: list[float]) -> list[str]:
        """Numbers with as many decimals as their distance needs."""
        step = min((after - before for before, after in pairwise(values)), default=1.0)
        exponent = math.floor(math.log10(step) + 1e-9) if step > 0 else 0
        places = -exponent if abs(step / 10.0**exponent - round(step / 10.0**exponent)) < 1e-6 else 1 - exponent
        return [self.form(value, places) for value in values]


def percent(value: float, places: int = 1) -> str:
    """A share of 1 as a percentage; ``places`` are those of the share.

    >>> percent(0.0525, 4), percent(-0.5, 1)
    ('5.25 %', '−50 %')
    """
    return f"{value:,.{max(places - 2, 0)}%}".replace("%", " %").replace("-", "−")


def plain(value: float, places: int = 2) -> str:
    """A number; large ones in millions or billions.

    >>> plain(1_002_500.0, -2), plain(2.5e9, -8), plain(0.125, 3)
    ('1,002,500', '2.5 bn', '0.125')
    """
    for size, name, digits in ((1e9, " bn", 9), (1e8, " m", 6)):
        if abs(value) >= size:
            scale = 10.0**digits
            return f"{value / scale:,.{max(places + digits, 0)}f}{name}".replace("-", "−")
    return f"{value:,.{max(places, 0)}f}".replace("-", "−")


SHARE = Unit(label="%", form=percent)
NUMBER = Unit(label="", form=plain)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TimeAxis:
    """Bar times (ns UTC, rising) side by side: nights and holidays, which have no bars, take no room.

    ``number`` says which bar time of the whole course each is; both of shape (n,), n at least 1.
    """

    time: I8Array
    number: I8Array

    def share(self, time: int | float) -> float:
        """Where ``time`` stands between the first and the last: 0 to 1."""
        first, last = int(self.number[0]), int(self.number[-1])
        if last == first:
            return 0.5
        return float(np.interp(time, self.time, self.number) - first) / (last - first)

    def marks(self) -> list[tuple[float, str]]:
        """(share, text) of calendar marks, at most ``_MOST``: years, months, days, or times of one day."""
        if session_of(int(self.time[0])) == session_of(int(self.time[-1])):
            return list(self._hours())
        for unit in ("Y", "M", "D"):  # the coarsest of which there are some
            names = (self.time - 1).astype("datetime64[ns]").astype(f"datetime64[{unit}]")
            begins = np.flatnonzero(np.append(True, names[1:] != names[:-1]))
            if len(begins) >= _LEAST:
                break
        every = -(-len(begins) // _MOST)
        return [(self.share(int(self.time[at])), str(names[at])) for at in begins[::every]]

    def _hours(self) -> Iterator[tuple[float, str]]:
        first, last = int(self.time[0]), int(self.time[-1])
        span = last - first
        step = next((one for one in (MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR)
                     if span / one <= _MOST), DAY)  # fmt: skip
        for time in range(-(-first // step) * step, last + 1, step):
            yield self.share(time), str(np.datetime64(time, "ns").astype("datetime64[m]"))[11:]
