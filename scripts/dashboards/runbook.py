"""The runbook as a dashboard: one text panel for each section, so that a panel's link works wherever Grafana runs."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import dashboard, text
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.text import TextMode

UID = "signaltape-runbook"
SOURCE = Path(__file__).parents[2] / "docs" / "runbook.md"
_WIDTH, _HEIGHT = 12, 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Chapter:
    """A heading of the second level and the sections of the third level below it: (title, text)."""

    title: str
    sections: tuple[tuple[str, str], ...]


def chapters(markdown: str) -> tuple[Chapter, ...]:
    """Chapters that have sections, in order; an introduction belongs to none."""
    found = []
    for part in re.split(r"^## ", markdown, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        pieces = re.split(r"^### (.+)\n", body, flags=re.MULTILINE)[1:]
        if pieces:
            pairs = zip(pieces[::2], (one.strip() for one in pieces[1::2]), strict=True)
            found.append(Chapter(title=title.strip(), sections=tuple(pairs)))
    return tuple(found)


CHAPTERS = chapters(SOURCE.read_text())


def _numbers() -> dict[str, int]:
    """Section → id of its panel; rows take a number too."""
    found, number = dict[str, int](), 0
    for chapter in CHAPTERS:
        number += 1
        for name, _ in chapter.sections:
            number += 1
            found[name] = number
    return found


NUMBERS = _numbers()


def address(section: str) -> str:
    """Where Grafana shows a section by itself; KeyError names one that the runbook does not have."""
    return f"/d/{UID}?viewPanel=panel-{NUMBERS[section]}"


def link(section: str) -> dashboard.DashboardLink:
    """Return the link that a panel carries to its section."""
    return dashboard.DashboardLink(f"Runbook: {section}").type(model.DashboardLinkType.LINK).url(address(section))


def panels(heading: Any) -> list[Any]:
    """Two sections a line; ``heading(title, number, line)`` makes a row."""
    found: list[Any] = []
    line, number = 0, 0
    for chapter in CHAPTERS:
        number += 1
        found.append(heading(chapter.title, number, line))
        for at, (name, body) in enumerate(chapter.sections):
            place = model.GridPos(x=at % 2 * _WIDTH, y=line + 1 + at // 2 * _HEIGHT, w=_WIDTH, h=_HEIGHT)
            panel = text.Panel().id(NUMBERS[name]).title(name).mode(TextMode.MARKDOWN).content(_relinked(body))
            found.append(panel.grid_pos(place).build())
        number += len(chapter.sections)
        line += 1 + -(-len(chapter.sections) // 2) * _HEIGHT
    return found


def _relinked(body: str) -> str:
    """Links within the runbook lead to its panels; those to other pages become their names, as Grafana has no pages."""
    by_anchor = {name.lower(): name for name in NUMBERS}

    def within(found: re.Match[str]) -> str:
        return f"[{found[1]}]({address(by_anchor[found[2]])})"

    body = re.sub(r"\[([^\]]+)\]\(#([\w-]+)\)", within, body)
    return re.sub(r"\[([^\]]+)\]\(([\w./-]+\.\w+)(?:#[\w-]*)?\)", r"\1 (docs/\2)", body)
