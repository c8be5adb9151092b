"""Panels over one time axis, one below the other, as one SVG element."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schemas.fields import I8Array
from signaltape.reports.axes import NUMBER, TimeAxis, Unit, ticks
from signaltape.reports.colours import BLUE, FLAT, GRID, INK, QUIET, VERMILION
from signaltape.reports.layers import Layer, Place, values_of
from signaltape.reports.svg import opened, rule, words

_WIDTH, _LEFT, _RIGHT, _TOP, _GAP, _FOOT = 940.0, 86.0, 18.0, 24.0, 30.0, 26.0
_LANE, _LANE_NAME = 15.0, 11.0


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Lane:
    """A strip that shows which side (1 long, 0 flat, -1 short) holds from each time on, columns of shape (n,).

    Long is the upper half, short the lower one, flat a thin line: colour only repeats that.
    """

    name: str
    time: I8Array
    side: I8Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TimePanel:
    """A frame with layers; ``zero``: the scale takes in 0, and a line is drawn there. ``lanes`` lie below the frame."""

    title: str
    layers: Sequence[Layer]
    unit: Unit = NUMBER
    height: float = 170.0
    zero: bool = False
    lanes: Sequence[Lane] = ()

    @property
    def whole(self) -> float:
        """Height with title and lanes."""
        return _TOP + self.height + _LANE * len(self.lanes)


def time_panels(axis: TimeAxis, panels: Sequence[TimePanel], label: str) -> str:
    """The panels with one calendar below the last of them."""
    height = sum(panel.whole for panel in panels) + _GAP * (len(panels) - 1) + _FOOT
    parts, top = [opened(_WIDTH, height, label)], 0.0
    for panel in panels:
        parts += _panel(axis, panel, top)
        top += panel.whole + _GAP
    return "\n".join([*parts, *_calendar(axis, top - _GAP), "</svg>"])


def _panel(axis: TimeAxis, panel: TimePanel, top: float) -> Iterator[str]:
    low, high = _range(panel)
    place = Place(
        axis=axis, left=_LEFT, width=_WIDTH - _LEFT - _RIGHT, top=top + _TOP, height=panel.height, low=low, high=high
    )
    right, bottom = place.left + place.width, place.top + place.height
    yield words(_LEFT, top + 14, panel.title, colour=INK, weight=600)
    yield from _legend(panel, right, top + 14)
    values = ticks(low, high, max(2, round(panel.height / 40)))
    for value, text in zip(values, panel.unit.texts(values), strict=True):
        yield rule(place.left, place.y(value), right, place.y(value), GRID)
        yield words(place.left - 8, place.y(value) + 4, text, anchor="end")
    for share, _ in axis.marks():
        yield rule(place.left + share * place.width, place.top, place.left + share * place.width, bottom, GRID)
    if panel.zero:
        yield rule(place.left, place.y(0.0), right, place.y(0.0), QUIET)
    for layer in panel.layers:
        yield from layer.svg(place)
    for at, lane in enumerate(panel.lanes):
        yield from _lane(place, lane, bottom + 4 + at * _LANE)


def _range(panel: TimePanel) -> tuple[float, float]:
    values = values_of(panel.layers)
    found = [*([float(values.min()), float(values.max())] if len(values) else []), *([0.0] if panel.zero else [])]
    low, high = min(found, default=0.0), max(found, default=1.0)
    room = (high - low) * 0.05 or abs(high) * 0.01 or 1.0
    return (low if panel.zero and low == 0 else low - room), (high if panel.zero and high == 0 else high + room)


def _legend(panel: TimePanel, right: float, y: float) -> Iterator[str]:
    """Names from the right edge to the left, each with a piece of its stroke."""
    for layer in reversed(panel.layers):
        name, colour, dash = layer.key
        if not name:
            continue
        yield words(right, y, name, anchor="end", colour=QUIET)
        begin = right - 7.0 * len(name) - 30
        if dash == "band":
            yield f'<rect x="{begin:.1f}" y="{y - 9:.1f}" width="20" height="9" fill="{colour}" fill-opacity="0.4"/>'
        elif dash == "dot":
            yield f'<circle cx="{begin + 14:.1f}" cy="{y - 4:.1f}" r="2.5" fill="{colour}"/>'
        else:
            dashed = f' stroke-dasharray="{dash}"' if dash else ""
            at = f'x1="{begin:.1f}" y1="{y - 4:.1f}" x2="{begin + 20:.1f}" y2="{y - 4:.1f}"'
            yield f'<line {at} stroke="{colour}" stroke-width="2"{dashed}/>'
        right = begin - 16


def _calendar(axis: TimeAxis, bottom: float) -> Iterator[str]:
    width = _WIDTH - _LEFT - _RIGHT
    yield words(8, bottom + 18, "UTC")
    end = 0.0
    for share, text in axis.marks():
        x, half = _LEFT + share * width, 3.4 * len(text)
        x = min(max(x, _LEFT), _WIDTH - half - 2)
        if x - half >= end:
            yield words(x, bottom + 18, text, anchor="middle")
            end = x + half + 6


def _lane(place: Place, lane: Lane, top: float) -> Iterator[str]:
    yield words(place.left - 8, top + _LANE_NAME - 1, lane.name, anchor="end")
    middle, right = top + 5.5, place.left + place.width
    for begin, end, side in _runs(place, lane, right):
        size = f'x="{begin:.1f}" width="{max(end - begin, 0.5):.1f}"'
        if side > 0:
            yield f'<rect {size} y="{top:.1f}" height="5.5" fill="{BLUE}"/>'
        elif side < 0:
            yield f'<rect {size} y="{middle:.1f}" height="5.5" fill="{VERMILION}"/>'
        else:
            yield f'<rect {size} y="{middle - 0.5:.1f}" height="1" fill="{FLAT}"/>'


def _runs(place: Place, lane: Lane, right: float) -> Iterator[tuple[float, float, int]]:
    """(from, to, side) in pixels; at most two in a pixel, whatever there are: the last one counts."""
    at: dict[int, int] = {}
    for time, side in zip(lane.time.tolist(), lane.side.tolist(), strict=True):
        at[round(place.x(time) * 2)] = side
    begin: float | None = None
    held = 0
    for pixel, side in sorted(at.items()):
        if begin is not None and side != held:
            yield begin, pixel / 2, held
            begin = pixel / 2
        begin = pixel / 2 if begin is None else begin
        held = side
    if begin is not None:
        yield begin, right, held
