"""Files, settings and modules that a page names are there: a page is read long after the code has moved on."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.settings import Settings
from tests.support.markdown import ROOT, pages, parts

#: History names things as they were then.
PAGES = [page for page in pages() if page.name != "CHANGELOG.md"]
OURS = ("consumers", "examples", "infra", "pipeline", "producers", "schemas", "scripts", "signaltape", "tests")
_FILE = re.compile(rf"`((?:{'|'.join((*OURS, 'benchmarks', 'docs', 'requirements'))})/[\w./*-]+)`")
GROUPS = {
    name: set(getattr(field.annotation, "model_fields", {}))
    for name, field in Settings.model_fields.items()
    if name != "features"  # also a table, whose columns are named so
}


def by_page() -> list[object]:
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES]


def missing_files(text: str) -> list[str]:
    return [name for name in _FILE.findall(text) if not any(ROOT.glob(name.rstrip("/")))]


def unknown_settings(text: str) -> list[str]:
    """`group.name`, and variables; of the compose file's own (one underscore) nothing is known here."""
    dotted = re.findall(r"`([a-z]+)\.([a-z_]+)`", text)
    variables = [(group.lower(), name.lower()) for group, name in re.findall(r"SIGNALTAPE_([A-Z]+)__([A-Z_]*\w)", text)]
    return [f"{group}.{name}" for group, name in dotted if group in GROUPS and name not in GROUPS[group]] + [
        f"{group}.{name}" for group, name in variables if group != "features" and name not in GROUPS.get(group, ())
    ]


def unknown_imports(code: str) -> Iterator[str]:
    """What a piece of Python takes from our modules and isn't there; SyntaxError if it is no Python."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in OURS:
            module = importlib.import_module(node.module)
            for one in node.names:
                if not hasattr(module, one.name):
                    yield f"{node.module}.{one.name}"


@pytest.mark.parametrize("page", by_page())
def test_what_is_named_is_there(page: Path) -> None:
    text = page.read_text()
    assert missing_files(text) == []
    assert unknown_settings(text) == []
    code = [block for block in parts(page)[1] if block.language == "python"]
    assert [f"{block.place}: {name}" for block in code for name in unknown_imports(block.text)] == []


def test_the_check_itself() -> None:
    assert missing_files("`tests/unit`, `tests/unit/`, `docs/*.md`, `pipeline/flow.py`") == []
    assert missing_files("`tests/unit/engines`, `pipeline/*.rs`") == ["tests/unit/engines", "pipeline/*.rs"]
    assert unknown_settings("`api.burst`, `api.bursts`, `signals.v1`, `SIGNALTAPE_API__BURST=1`") == ["api.bursts"]
    assert unknown_settings("`SIGNALTAPE_APY__BURST` SIGNALTAPE_API__PORTS=0") == ["apy.burst", "api.ports"]
    assert list(unknown_imports("from signaltape.client import Gap, Gab\nimport os")) == ["signaltape.client.Gab"]
    with pytest.raises(SyntaxError):
        list(unknown_imports("for bar in"))
