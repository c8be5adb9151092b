"""Plots over days as SVG elements, drawn like those of `signaltape.reports.plots`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from signaltape.reports.colours import GRID, INK, QUIET
from signaltape.reports.plots import AGAINST, BAR
from signaltape.reports.svg import opened, rule, words

_LEFT, _WIDTH, _HEIGHT, _TOP, _FOOT = 64.0, 760.0, 200.0, 16.0, 34.0
_TICKS = 6
#: Severity → colour and row, least first.
_SEVERITY = {"info": QUIET, "warning": "#8a5a00", "severe": AGAINST, "urgent": "#7a0019"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Lines:
    """What one plot shows, by date: single values as ``dots``, a ``line``, a ``band`` of (low, high), and levels that
    are drawn across as (value, name)."""

    dots: Sequence[tuple[date, float]] = ()
    line: Sequence[tuple[date, float]] = ()
    band: Sequence[tuple[date, float, float]] = ()
    levels: Sequence[tuple[float, str]] = ()

    @property
    def values(self) -> list[float]:
        """Every height that must fit."""
        edges = [end for _, low, high in self.band for end in (low, high)]
        return [value for _, value in (*self.dots, *self.line)] + edges + [value for value, _ in self.levels]


@dataclass(frozen=True, slots=True)
class _Scale:
    first: date
    days: int
    low: float
    high: float

    def x(self, at: date) -> float:
        return _LEFT + (at - self.first).days / max(self.days, 1) * (_WIDTH - _LEFT - 16.0)

    def y(self, value: float) -> float:
        return _TOP + (self.high - value) / ((self.high - self.low) or 1.0) * _HEIGHT


def course_plot(shown: Lines, first: date, last: date, label: str) -> str:
    """A plot over the days from ``first`` to ``last``; the zero line is drawn where it lies inside."""
    values = [*shown.values, 0.0]
    room = (max(values) - min(values)) * 0.06 or 0.01
    scale = _Scale(first, (last - first).days, min(values) - room, max(values) + room)
    parts = [opened(_WIDTH + 90, _TOP + _HEIGHT + _FOOT, label), *_axes(scale, last)]
    if shown.band:
        upper = [f"{scale.x(at):.1f},{scale.y(high):.1f}" for at, _, high in shown.band]
        lower = [f"{scale.x(at):.1f},{scale.y(low):.1f}" for at, low, _ in reversed(shown.band)]
        parts.append(f'<polygon points="{" ".join([*upper, *lower])}" fill="{BAR}" fill-opacity="0.18"/>')
    for value, name in shown.levels:
        parts.append(rule(_LEFT, scale.y(value), _WIDTH - 16, scale.y(value), AGAINST, dashed=True))
        parts.append(words(_WIDTH - 10, scale.y(value) + 4, name, colour=AGAINST))
    parts += [f'<circle cx="{scale.x(at):.1f}" cy="{scale.y(v):.1f}" r="2.5" fill="{QUIET}"/>' for at, v in shown.dots]
    if shown.line:
        points = " ".join(f"{scale.x(at):.1f},{scale.y(value):.1f}" for at, value in shown.line)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{BAR}" stroke-width="2"/>')
    return "\n".join([*parts, "</svg>"])


def timeline(events: Sequence[tuple[date, str, str]], first: date, last: date, label: str) -> str:
    """Dots for (day, severity, what), a row for each severity; several of a day and severity make one bigger dot."""
    height = _TOP + 30.0 * len(_SEVERITY)
    scale = _Scale(first, (last - first).days, 0.0, 1.0)
    parts = [opened(_WIDTH + 90, height + _FOOT, label)]
    rows = {name: _TOP + 30.0 * (len(_SEVERITY) - at) - 14.0 for at, name in enumerate(_SEVERITY)}
    for name, y in rows.items():
        parts += [rule(_LEFT, y, _WIDTH - 16, y, GRID), words(_LEFT - 8, y + 4, name, anchor="end")]
    parts += _days(scale, last, height)
    counted: dict[tuple[date, str], int] = {}
    for at, severity, _ in events:
        counted[at, severity] = counted.get((at, severity), 0) + 1
    for (at, severity), count in sorted(counted.items()):
        radius = min(4.0 + 1.5 * (count - 1), 11.0)
        x, y = scale.x(at), rows[severity]
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{_SEVERITY[severity]}"/>')
        if count > 1:
            parts.append(words(x + radius + 2, y + 4, str(count), colour=INK))
    return "\n".join([*parts, "</svg>"])


def _axes(scale: _Scale, last: date) -> Iterator[str]:
    for step in range(5):
        value = scale.low + (scale.high - scale.low) * step / 4
        yield rule(_LEFT, scale.y(value), _WIDTH - 16, scale.y(value), GRID)
        yield words(_LEFT - 8, scale.y(value) + 4, f"{value:.3f}", anchor="end")
    if scale.low < 0.0 < scale.high:
        yield rule(_LEFT, scale.y(0.0), _WIDTH - 16, scale.y(0.0), QUIET)
    yield from _days(scale, last, _TOP + _HEIGHT)


def _days(scale: _Scale, last: date, bottom: float) -> Iterator[str]:
    steps = min(_TICKS, max(scale.days, 1))
    for step in range(steps + 1):
        at = scale.first + timedelta(days=round(scale.days * step / steps))
        yield words(scale.x(min(at, last)), bottom + 20, at.isoformat(), anchor="middle")
