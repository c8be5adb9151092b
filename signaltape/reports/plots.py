"""Plots as SVG elements, drawn by hand: no library, no script, the same bytes for the same numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from signaltape.reports.colours import GRID, INK, QUIET
from signaltape.reports.svg import opened, rule, words

#: What is shown, and what speaks against it.
BAR, AGAINST = "#2f6f9f", "#b3261e"
_NAMES, _PANEL, _GAP, _ROW, _TOP = 150, 250, 24, 20, 34
_FIGURES = 62


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One column of bars: a value for each name, and half the length of its whisker if it has ``errors``."""

    title: str
    values: Sequence[float]
    errors: Sequence[float] | None = None


def bar_panels(names: Sequence[str], panels: Sequence[Panel]) -> str:
    """Horizontal bars, one row a name, one column a panel, each with a scale of its own; values stand beside them."""
    width = _NAMES + len(panels) * (_PANEL + _GAP)
    height = _TOP + len(names) * _ROW + 8
    parts = [opened(width, height, "; ".join(panel.title for panel in panels))]
    for row, name in enumerate(names):
        parts.append(words(_NAMES - 8, _TOP + row * _ROW + 14, name, anchor="end", colour=INK))
    for place, panel in enumerate(panels):
        parts += _panel(_NAMES + place * (_PANEL + _GAP), height, panel)
    return "\n".join([*parts, "</svg>"])


def _panel(left: float, height: float, panel: Panel) -> Iterator[str]:
    errors = panel.errors or [0.0] * len(panel.values)
    low = min([0.0, *(value - error for value, error in zip(panel.values, errors, strict=True))])
    high = max([0.0, *(value + error for value, error in zip(panel.values, errors, strict=True))])
    scale = (_PANEL - _FIGURES) / ((high - low) or 1.0)
    zero = left - low * scale
    yield words(left, 18, panel.title, colour=QUIET, weight=600)
    yield rule(zero, _TOP - 4, zero, height - 6, GRID)
    for row, (value, error) in enumerate(zip(panel.values, errors, strict=True)):
        top = _TOP + row * _ROW + 3
        start, end = sorted((zero, zero + value * scale))
        colour = BAR if value >= 0.0 else AGAINST
        yield f'<rect x="{start:.1f}" y="{top}" width="{end - start:.1f}" height="14" fill="{colour}"/>'
        if error:
            first, last = zero + (value - error) * scale, zero + (value + error) * scale
            yield rule(first, top + 7, last, top + 7, INK)
        yield words(left + _PANEL, top + 11, f"{value:,.3g}", anchor="end", colour=QUIET)


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A group of rows of like confidence, how often they were right, and the standard error of that."""

    rows: int
    confidence: float
    hit_rate: float
    error: float


def reliability_plot(points: Sequence[Point]) -> str:
    """Hit rate over confidence, with two standard errors, against the diagonal on which both agree."""
    side, left, bottom = 320.0, 56.0, 352.0
    ends = [(one.confidence, one.hit_rate - 2 * one.error, one.hit_rate + 2 * one.error) for one in points]
    low = max(0.0, min(min(one) for one in ends) - 0.02)
    high = min(1.0, max(max(one) for one in ends) + 0.02)
    scale = side / ((high - low) or 1.0)

    def x(value: float) -> float:
        return left + (min(max(value, low), high) - low) * scale

    def y(value: float) -> float:
        return bottom - (min(max(value, low), high) - low) * scale

    parts = [opened(left + side + 24, bottom + 44, "hit rate over confidence")]
    for step in range(5):
        value = low + (high - low) * step / 4
        parts += [
            rule(x(value), y(low), x(value), y(high), GRID),
            rule(x(low), y(value), x(high), y(value), GRID),
            words(x(value), bottom + 18, f"{value:.2f}", anchor="middle"),
            words(left - 8, y(value) + 4, f"{value:.2f}", anchor="end"),
        ]
    parts.append(rule(x(low), y(low), x(high), y(high), QUIET, dashed=True))
    for one in points:
        at = x(one.confidence)
        parts.append(rule(at, y(one.hit_rate - 2 * one.error), at, y(one.hit_rate + 2 * one.error), BAR))
        parts.append(f'<circle cx="{at:.1f}" cy="{y(one.hit_rate):.1f}" r="4" fill="{BAR}"/>')
    parts.append(words(left + side / 2, bottom + 38, "confidence", anchor="middle", colour=QUIET))
    middle = bottom - side / 2
    label = words(14, middle, "share of signs that were right", anchor="middle", colour=QUIET)
    parts.append(f'<g transform="rotate(-90 14 {middle:.1f})">{label}</g>')
    return "\n".join([*parts, "</svg>"])
