"""The runbook as a document: whole, every section below its own address, and nothing in it that could run."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from signaltape.console.runbook import page
from signaltape.console.runbook.page import POLICY, runbook_page
from signaltape.console.runbook.sections import RUNBOOK, runbook

pytestmark = pytest.mark.unit
PAGES = (("/console/flow", "Flow"), ("/console/runs", "Replays & backtests"))


class Seen(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, document: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(document.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str, name: str) -> list[str | None]:
        return [attrs.get(name) for one, attrs in self.tags if one == tag and name in attrs]


def test_every_rule_has_a_section_and_every_link_leads_somewhere() -> None:
    seen = Seen(runbook_page(PAGES))
    sections = [ident for ident in seen.of("section", "id") if ident]
    assert sections == re.findall(r"^### (\S+)$", RUNBOOK.read_text(), re.MULTILINE) == list(runbook())
    ids = [attrs["id"] for _, attrs in seen.tags if attrs.get("id")]
    assert len(ids) == len(set(ids))
    for to in seen.of("a", "href"):
        assert to in dict(PAGES) or (to is not None and to[0] == "#" and to[1:] in ids), to
    assert {f"#{one}" for one in sections} <= set(seen.of("a", "href"))
    assert set(seen.of("section", "aria-labelledby")) <= set(ids)
    assert "Replays & backtests" in seen.text


def test_nothing_of_the_document_becomes_markup(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hostile = tmp_path / "runbook.md"
    hostile.write_text(
        '# <script>a</script>\n<img src=x onerror=b>\n\n## <b>c</b>\n### x"onclick=d\n'
        "- **Do**: [e](javascript:alert(1)) [f](https://example.com/g) `<i>h</i>` <style>*{}</style>\n"
        "- ![j](data:text/html,k) [l](alerts.md#x) <https://example.com/m>\n"
    )
    monkeypatch.setattr(page, "RUNBOOK", hostile)
    seen = Seen(runbook_page.__wrapped__(PAGES))
    assert {tag for tag, _ in seen.tags} & {"script", "style", "i", "iframe", "form", "input", "object"} == set()
    assert not [name for _, attrs in seen.tags for name in attrs if name.startswith("on")]
    assert set(seen.of("a", "href")) == {*dict(PAGES), "#content", '#x"onclick=d'}
    assert set(seen.of("img", "src")) == {"/console/static/icon.svg"}
    assert "<img src=x onerror=b>" in seen.text
    assert "l (docs/alerts.md#x)" in seen.text


def test_the_policy_allows_no_script_and_the_theme_is_one_of_two() -> None:
    assert "default-src 'none'" in POLICY
    assert "script" not in POLICY
    assert "unsafe" not in POLICY
    assert Seen(runbook_page(PAGES, "dark")).of("html", "data-theme") == ["dark"]
    assert Seen(runbook_page(PAGES)).of("html", "data-theme") == []
