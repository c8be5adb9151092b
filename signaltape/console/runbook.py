"""What the runbook says about a rule, for who reads an alert where the documents lie beside the program."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

_RUNBOOK = Path(__file__).parents[2] / "docs/runbook.md"
_SECTION = re.compile(r"^### (\S+)\n(.*?)(?=^#|\Z)", re.DOTALL | re.MULTILINE)
_LINE = re.compile(r"^- \*\*(.+?)\*\*: (.*?)(?=^- \*\*|\Z)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


@cache
def runbook() -> Mapping[str, Mapping[str, str]]:
    """Rule → what it means, where to look, what to do, as plain text; empty where the document isn't there."""
    try:
        text = _RUNBOOK.read_text()
    except OSError:
        return MappingProxyType({})
    return MappingProxyType(
        {
            name: MappingProxyType({title: _plain(said) for title, said in _LINE.findall(body)})
            for name, body in _SECTION.findall(text)
        }
    )


def _plain(text: str) -> str:
    return " ".join(_LINK.sub(r"\1", text).replace("`", "").split())
