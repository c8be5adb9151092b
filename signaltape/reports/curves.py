"""Small panels of step curves that share their scales, as an SVG element."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from signaltape.reports.colours import GRID, INK, PAPER
from signaltape.reports.svg import opened, words

#: Told apart in grey and by people who see colours otherwise: they differ in lightness and dash.
_STROKES = (("#2f6f9f", ""), ("#b3261e", "6 3"), ("#8a5a00", "2 3"), ("#51606e", "10 3 2 3"))
_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP, _ACROSS = 250.0, 130.0, 46.0, 58.0, 52.0, 3


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvePanel:
    """``curves``: name → points (x, y in [0, 1]), x ascending from 0; each y holds until the next point."""

    title: str
    curves: Mapping[str, Sequence[tuple[float, float]]]


def curve_panels(panels: Sequence[CurvePanel], *, until: float, label: str) -> str:
    """Panels three in a row, x from 0 to ``until``, y from 0 to 1, a legend above; names in the first panel's order."""
    names = list(panels[0].curves)
    across = min(_ACROSS, len(panels))
    rows = -(-len(panels) // across)
    width, height = across * (_WIDTH + _LEFT) + 16, _TOP + rows * (_HEIGHT + _GAP)
    parts = [opened(width, height, label), f'<rect width="{width:g}" height="{height:g}" fill="{PAPER}"/>']
    for at, name in enumerate(names):
        x = _LEFT + at * 190
        parts += [_path(f"M{x:.1f} 14h26", at), words(x + 32, 18, name, colour=INK)]
    for at, panel in enumerate(panels):
        left, top = _LEFT + at % across * (_WIDTH + _LEFT), _TOP + at // across * (_HEIGHT + _GAP)
        parts += _panel(panel, names, left, top, until)
    parts.append(words(width - 16, height - 6, label, anchor="end"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: CurvePanel, names: Sequence[str], left: float, top: float, until: float) -> Iterator[str]:
    yield words(left, top - 8, panel.title, colour=INK, weight=600)
    bottom, right = top + _HEIGHT, left + _WIDTH - 12
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * _HEIGHT
        yield f'<path d="M{left:.1f} {y:.1f}H{right:.1f}" stroke="{GRID}" fill="none"/>'
        yield words(left - 6, y + 4, f"{share:.0%}", anchor="end")
    for part in range(5):
        x = left + (right - left) * part / 4
        yield words(x, bottom + 16, f"{until * part / 4:.0f}", anchor="middle")
    for at, name in enumerate(names):
        steps = [f"M{left:.1f} {bottom:.1f}"]
        for x, y in panel.curves.get(name, ()):
            steps.append(f"H{left + min(x, until) / until * (right - left):.1f}V{bottom - y * _HEIGHT:.1f}")
        yield _path("".join(steps) + f"H{right:.1f}", at)


def _path(steps: str, at: int) -> str:
    colour, dash = _STROKES[at % len(_STROKES)]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path d="{steps}" stroke="{colour}" stroke-width="1.8" fill="none"{dashed}/>'
