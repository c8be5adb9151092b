"""What is drawn in a panel: lines, bands, bars, dots, marks of fills. Each gives its values, and itself as SVG."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from schemas.fields import F8Array, I8Array
from signaltape.reports.axes import TimeAxis
from signaltape.reports.colours import BLUE, PAPER, VERMILION


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A rectangle in pixels, and the numbers at its lower and upper edge."""

    axis: TimeAxis
    left: float
    width: float
    top: float
    height: float
    low: float
    high: float

    def x(self, time: int | float) -> float:
        """Pixel of a time."""
        return self.left + self.axis.share(time) * self.width

    def y(self, value: float) -> float:
        """Pixel of a number."""
        return self.top + (self.high - value) / ((self.high - self.low) or 1.0) * self.height

    def points(self, times: I8Array, values: F8Array) -> list[str]:
        """``x,y`` of each."""
        return [f"{self.x(t):.1f},{self.y(v):.1f}" for t, v in zip(times.tolist(), values.tolist(), strict=True)]


class Layer(Protocol):
    """Something in a panel."""

    @property
    def values(self) -> F8Array:
        """Every number that must fit."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Name for the legend ("" for none), colour, dash."""

    def svg(self, place: Place) -> Iterator[str]:
        """Elements."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Line:
    """A curve through (time, value), columns of shape (n,)."""

    time: I8Array
    value: F8Array
    name: str = ""
    colour: str = BLUE
    dash: str = ""
    width: float = 1.6

    @property
    def values(self) -> F8Array:
        """Every number that must fit."""
        return self.value

    @property
    def key(self) -> tuple[str, str, str]:
        """For the legend."""
        return self.name, self.colour, self.dash

    def svg(self, place: Place) -> Iterator[str]:
        """A polyline; a dot where there is one point only."""
        points = place.points(self.time, self.value)
        dash = f' stroke-dasharray="{self.dash}"' if self.dash else ""
        if len(points) == 1:
            x, y = points[0].split(",")
            yield f'<circle cx="{x}" cy="{y}" r="3" fill="{self.colour}"/>'
        elif points:
            yield (
                f'<polyline points="{" ".join(points)}" fill="none" stroke="{self.colour}" '
                f'stroke-width="{self.width:g}" stroke-linejoin="round"{dash}/>'
            )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Band:
    """The area between ``low`` and ``high``, columns of shape (n,)."""

    time: I8Array
    low: F8Array
    high: F8Array
    name: str = ""
    colour: str = BLUE

    @property
    def values(self) -> F8Array:
        """Every number that must fit."""
        return np.concatenate([self.low, self.high])

    @property
    def key(self) -> tuple[str, str, str]:
        """For the legend."""
        return self.name, self.colour, "band"

    def svg(self, place: Place) -> Iterator[str]:
        """A polygon."""
        edge = [*place.points(self.time, self.high), *reversed(place.points(self.time, self.low))]
        if edge:
            yield f'<polygon points="{" ".join(edge)}" fill="{self.colour}" fill-opacity="0.25" stroke="none"/>'


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Bars:
    """A bar from 0 to ``value`` over each time from ``begin`` to ``end``, columns of shape (n,)."""

    begin: I8Array
    end: I8Array
    value: F8Array
    name: str = ""
    colour: str = BLUE

    @property
    def values(self) -> F8Array:
        """Every number that must fit."""
        return np.append(self.value, 0.0)

    @property
    def key(self) -> tuple[str, str, str]:
        """For the legend."""
        return self.name, self.colour, "band"

    def svg(self, place: Place) -> Iterator[str]:
        """Rectangles, a little apart where there is room."""
        zero = place.y(0.0)
        rows = zip(self.begin.tolist(), self.end.tolist(), self.value.tolist(), strict=True)
        for begin, end, value in rows:
            left, right, y = place.x(begin), place.x(end), place.y(value)
            gap = 1.0 if right - left > 4.0 else 0.0
            size = f'width="{max(right - left - gap, 0.6):.1f}" height="{abs(zero - y):.1f}"'
            yield f'<rect x="{left:.1f}" y="{min(y, zero):.1f}" {size} fill="{self.colour}"/>'


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Dots:
    """Single values, columns of shape (n,)."""

    time: I8Array
    value: F8Array
    name: str = ""
    colour: str = BLUE

    @property
    def values(self) -> F8Array:
        """Every number that must fit."""
        return self.value

    @property
    def key(self) -> tuple[str, str, str]:
        """For the legend."""
        return self.name, self.colour, "dot"

    def svg(self, place: Place) -> Iterator[str]:
        """One path of round points: thousands of elements would make a page slow."""
        steps = [f"M{one.replace(',', ' ')}h0.01" for one in place.points(self.time, self.value)]
        size = 5 if len(steps) < 200 else 3
        if steps:
            yield f'<path d="{"".join(steps)}" stroke="{self.colour}" stroke-width="{size}" stroke-linecap="round"/>'


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fills:
    """Bought (``units`` above 0): a triangle that points up, below the price. Sold: one that points down, above it."""

    time: I8Array
    price: F8Array
    units: F8Array

    @property
    def values(self) -> F8Array:
        """Every number that must fit."""
        return self.price

    @property
    def key(self) -> tuple[str, str, str]:
        """No entry: the legend of two shapes is in the caption."""
        return "", "", ""

    def svg(self, place: Place) -> Iterator[str]:
        """One path for each direction."""
        for up, colour in ((True, BLUE), (False, VERMILION)):
            rows = np.flatnonzero((self.units > 0) == up)
            steps = [self._triangle(place, int(self.time[row]), float(self.price[row]), up=up) for row in rows]
            if steps:
                yield f'<path d="{"".join(steps)}" fill="{colour}" stroke="{PAPER}" stroke-width="0.6"/>'

    @staticmethod
    def _triangle(place: Place, time: int, price: float, *, up: bool) -> str:
        x, y = place.x(time), place.y(price)
        foot = y + 8 if up else y - 8
        return f"M{x:.1f} {y:.1f}L{x - 4:.1f} {foot:.1f}L{x + 4:.1f} {foot:.1f}Z"


def values_of(layers: Sequence[Layer]) -> F8Array:
    """Every number of all of them that is finite."""
    found = np.concatenate([np.empty(0), *(layer.values for layer in layers)])
    finite: F8Array = found[np.isfinite(found)]
    return finite
