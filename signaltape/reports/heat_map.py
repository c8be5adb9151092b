"""A heat map: gains and losses in a grid, by colour and as numbers."""

from collections.abc import Mapping, Sequence

from signaltape.reports.colours import BLUE, GRID, INK, PAPER, VERMILION
from signaltape.reports.svg import opened, words

_LEFT, _TOP, _WIDE, _HIGH = 92.0, 24.0, 66.0, 34.0


def heat_map(
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Mapping[tuple[int, int], tuple[float, str]],
    label: str,
    *,
    apart: int | None = None,
) -> str:
    """``cells`` by (row, column): a share, and a small text above it. ``apart``: the column from which on totals stand,
    which have no colour. Blue is a gain, vermilion a loss, deeper the greater: the greatest of all is full."""
    greatest = max((abs(value) for (_, column), (value, _) in cells.items() if column != apart), default=0.0) or 1.0
    parts = [opened(_LEFT + len(columns) * _WIDE + 8, _TOP + len(rows) * _HIGH + 8, label)]
    for place, name in enumerate(columns):
        parts.append(words(_LEFT + (place + 0.5) * _WIDE, _TOP - 8, name, anchor="middle", weight=600))
    for place, name in enumerate(rows):
        parts.append(words(_LEFT - 10, _TOP + (place + 0.5) * _HIGH + 4, name, anchor="end"))
    for (row, column), (value, note) in sorted(cells.items()):
        x, y = _LEFT + column * _WIDE, _TOP + row * _HIGH
        depth = 0.0 if column == apart else abs(value) / greatest
        fill = BLUE if value >= 0 else VERMILION
        parts.append(
            f'<rect x="{x + 1:.1f}" y="{y + 1:.1f}" width="{_WIDE - 2:.1f}" height="{_HIGH - 2:.1f}" fill="{fill}" '
            f'fill-opacity="{depth * 0.85:.3f}" stroke="{GRID}"/>'
        )
        ink = PAPER if depth > 0.75 and value >= 0 else INK  # dark text is read on every vermilion
        middle = y + _HIGH / 2
        if note:
            parts.append(words(x + _WIDE / 2, middle - 3, note, anchor="middle", colour=ink))
        weight = 600 if column == apart else 400
        text = f"{value:+.2%}".replace("%", " %").replace("-", "−")
        parts.append(
            words(x + _WIDE / 2, middle + (11 if note else 4), text, anchor="middle", colour=ink, weight=weight)
        )
    return "\n".join([*parts, "</svg>"])
