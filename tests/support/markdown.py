"""Markdown of the project's pages: links, anchors, fenced blocks and the commands in them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^(?P<indent> *)(?P<mark>`{3,}|~{3,})(?P<info>.*)$")
_LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block: `info` is what stands behind the fence; `line` counts from 1."""

    page: Path
    line: int
    info: str
    text: str

    @property
    def language(self) -> str:
        """The first word behind the fence."""
        return self.info.split()[0] if self.info.split() else ""

    @property
    def place(self) -> str:
        """File and line, for a message."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Every Markdown file of the project."""
    found = [ROOT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md", "benchmarks/README.md")]
    return [path for path in found if path.is_file()] + sorted((ROOT / "docs").rglob("*.md"))


def parts(page: Path) -> tuple[list[tuple[int, str]], list[Block]]:
    """Numbered lines outside of fences, and the fenced blocks."""
    prose, blocks, open_ = [], [], None
    for number, line in enumerate(page.read_text().splitlines(), 1):
        fence = _FENCE.match(line)
        if open_ is None:
            if fence:
                open_ = (number, fence, [])
            else:
                prose.append((number, line))
        elif fence and fence["mark"].startswith(open_[1]["mark"]) and not fence["info"].strip():
            blocks.append(Block(page=page, line=open_[0], info=open_[1]["info"].strip(), text="\n".join(open_[2])))
            open_ = None
        else:
            open_[2].append(line)
    assert open_ is None, f"{page}:{open_[0]}: a fence is not closed" if open_ else ""
    return prose, blocks


def links(page: Path) -> Iterator[tuple[int, str]]:
    """(line, target) of every link outside of fences and code."""
    for number, line in parts(page)[0]:
        for target in _LINK.findall(re.sub(r"`[^`]*`", "`code`", line)):
            yield number, target


def anchors(page: Path) -> set[str]:
    """Names of the headings, as GitHub makes them."""
    found: dict[str, int] = {}
    names = set()
    for _, line in parts(page)[0]:
        if heading := _HEADING.match(line):
            text = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
            name = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            names.add(f"{name}-{found[name]}" if name in found else name)
            found[name] = found.get(name, 0) + 1
    return names


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """(place, words) of every `signaltape …` in shell blocks, blocks without a language, and code in sentences."""
    prose, blocks = parts(page)
    name = page.relative_to(ROOT)
    for block in blocks:
        if block.language in ("sh", "", "bash", "yaml"):
            joined = re.sub(r"\\\n\s*", " ", block.text)
            for line in joined.splitlines():
                if found := re.match(r"\s*(?:\$ |- run: )?(?:\w+=\S* )*(?:exec )?(signaltape \S.*)", line):
                    yield block.place, _words(found[1], shell=True)
    text = "\n".join(line for _, line in prose)
    for found in re.finditer(r"`(?:\w+=\S* )?(signaltape [^`]*)`", text):
        yield f"{name}: `{found[1]}`", _words(" ".join(found[1].split()), shell=False)


def _words(text: str, *, shell: bool) -> list[str]:
    if shell:
        text = re.split(r"\s[|&>]|;\s|\s2>|\s#\s|\)$", text + " ", maxsplit=1)[0]
    try:
        return shlex.split(text, comments=shell)
    except ValueError:
        return text.split()
