"""Every link between the project's pages leads somewhere, down to the heading."""

from pathlib import Path

import pytest

from tests.support.markdown import ROOT, anchors, links, pages


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for line, target in links(page):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        other = (page.parent / path).resolve() if path else page
        if not other.exists():
            broken.append(f"{line}: {target}: no such file")
        elif anchor and other.suffix == ".md" and anchor not in anchors(other):
            broken.append(f"{line}: {target}: no such heading; there are {', '.join(sorted(anchors(other)))}")
    assert not broken, "\n".join(broken)


def test_every_page_is_reached_from_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    reached, waiting = set(), [index]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        for _, target in links(page):
            other = (page.parent / target.partition("#")[0]).resolve()
            if other.suffix == ".md" and other.is_file() and other not in reached:
                waiting.append(other)
    lost = [
        str(page.relative_to(ROOT)) for page in pages() if page.is_relative_to(ROOT / "docs") and page not in reached
    ]
    assert not [name for name in lost if "/decisions/" not in name], lost


def test_headings_are_named_as_github_does(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A `code`, and: more\n## Twice\n## Twice\n```\n# no heading\n```\n### [Link](x.md) ends #\n")
    assert anchors(page) == {"a-code-and-more", "twice", "twice-1", "link-ends"}


def test_every_decision_has_a_number_of_its_own() -> None:
    numbers = [page.name[:4] for page in (ROOT / "docs" / "decisions").glob("*.md")]
    assert len(set(numbers)) == len(numbers), sorted(numbers)
