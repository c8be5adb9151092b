"""What the runbook says about a rule, for who reads an alert."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

#: The copy of docs/runbook.md that is installed with the program; `make dashboards` writes it.
RUNBOOK = Path(__file__).parent / "runbook.md"
_SECTION = re.compile(r"^### (\S+)\n(.*?)(?=^#|\Z)", re.DOTALL | re.MULTILINE)
_LINE = re.compile(r"^- \*\*(.+?)\*\*: (.*?)(?=^- \*\*|\Z)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


@cache
def runbook() -> Mapping[str, Mapping[str, str]]:
    """Rule → what it means, where to look, what to do, as plain text."""
    text = RUNBOOK.read_text("utf-8")
    return MappingProxyType(
        {
            name: MappingProxyType({title: _plain(said) for title, said in _LINE.findall(body)})
            for name, body in _SECTION.findall(text)
        }
    )


def _plain(text: str) -> str:
    return " ".join(_LINK.sub(r"\1", text).replace("`", "").split())
