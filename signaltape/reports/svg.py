"""SVG elements that every plot is made of."""

from html import escape

from signaltape.reports.colours import QUIET


def opened(width: float, height: float, label: str) -> str:
    """The opening tag of a picture; ``label`` is what is read out."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" aria-label="{escape(label)}" font-size="12" '
        'font-family="system-ui, sans-serif">'
    )


def words(x: float, y: float, said: str, *, anchor: str = "start", colour: str = QUIET, weight: int = 400) -> str:
    """Words whose baseline is at ``y``; ``anchor``: start, middle or end of them at ``x``."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} fill="{colour}" font-weight="{weight}">{escape(said)}</text>'


def rule(x1: float, y1: float, x2: float, y2: float, colour: str, *, dashed: bool = False) -> str:
    """A straight line."""
    dash = ' stroke-dasharray="4 4"' if dashed else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dash}/>'
