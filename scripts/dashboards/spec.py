"""What a dashboard is made of, in the words of those who write one: sections of panels, each with its queries."""

from dataclasses import dataclass
from typing import Literal

#: `lines` and `stacked` over time, `stat` one number each, `gauges` one bar each, `table`, `heatmap` of a histogram,
#: `states` (which of a few values held when), `bars` (a distribution).
Kind = Literal["lines", "stacked", "stat", "gauges", "table", "heatmap", "states", "bars"]

GREEN, ORANGE, RED = "green", "orange", "red"


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """A PromQL expression; ``legend`` names its series. ``instant`` asks for the newest value alone."""

    expr: str
    legend: str = ""
    instant: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """The statement ``name`` of queries.sql; ``series``: its columns are time, metric and values, not a table."""

    name: str
    series: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One panel. ``shows`` says what is seen and what is normal, ``do`` what to do where it is not.

    ``runbook`` names a section of docs/runbook.md. ``steps`` are (from, colour) in rising order, the first from None.
    ``words`` gives numbers a word, ``units`` columns of a table a unit of their own. ``width`` is in 24ths.
    """

    kind: Kind
    title: str
    shows: str
    do: str
    runbook: str
    queries: tuple[Metric, ...] | tuple[Rows, ...]
    unit: str = "short"
    width: int = 8
    least: float | None = None
    most: float | None = None
    steps: tuple[tuple[float | None, str], ...] = ()
    words: tuple[tuple[float, str, str], ...] = ()
    units: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """Panels below one heading, all of one height, from left to right and on to the next line."""

    title: str
    panels: tuple[Panel, ...]
    height: int = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """What the reader chooses from: label values of Prometheus, or the statement ``rows`` of queries.sql."""

    name: str
    label: str
    labels: str = ""
    rows: str = ""
    several: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """Moments drawn into every panel over time: the statement ``rows``, columns time, text and tags."""

    title: str
    rows: str
    colour: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Dashboard:
    """A dashboard; ``uid`` is its address and must never change."""

    uid: str
    title: str
    description: str
    sections: tuple[Section, ...]
    variables: tuple[Variable, ...] = ()
    marks: tuple[Mark, ...] = ()
    since: str = "now-6h"
    refresh: str = "30s"


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A panel and where it stands: column, line, width and height in Grafana's grid of 24 columns."""

    panel: Panel
    x: int
    y: int
    height: int


def placed(section: Section, top: int) -> tuple[list[Placed], int]:
    """Panels of a section below line ``top``, and the first line below them."""
    found, x, y = list[Placed](), 0, top
    for panel in section.panels:
        if x + panel.width > 24:
            x, y = 0, y + section.height
        found.append(Placed(panel=panel, x=x, y=y, height=section.height))
        x += panel.width
    return found, y + section.height
