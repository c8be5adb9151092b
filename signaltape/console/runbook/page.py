"""The runbook as one HTML document that runs nothing: a section for each rule, below an address of its own.

Markdown is read with raw HTML off, and everything else is written through the escaping of the same library, so that
no text of the document becomes markup of its own.
"""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from string import Template

from markdown_it import MarkdownIt
from markdown_it.token import Token

from signaltape.console.runbook.sections import RUNBOOK

#: No script, no form, no request to anything but this server's styles and pictures. It would not get those without its
#: origin, which is of no use to a document that runs nothing.
POLICY = (
    "sandbox allow-same-origin; default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
THEMES = ("light", "dark")
_TEMPLATE = Path(__file__).parents[1] / "web" / "runbook.html"
_FILE = re.compile(r"^[\w./-]+\.\w+(#[\w-]*)?$")


@cache
def runbook_page(pages: tuple[tuple[str, str], ...], theme: str = "") -> bytes:
    """The document. ``pages``: addresses and names of the console's pages; ``theme``: one of ``THEMES``, or none."""
    tokens = _reader().parse(RUNBOOK.read_text("utf-8"))
    _lead(tokens)
    title, contents, text = _parts(tokens)
    filled = Template(_TEMPLATE.read_text("utf-8")).substitute(
        theme=f' data-theme="{theme}"' if theme in THEMES else "",
        pages="".join(f'<a href="{html.escape(to)}">{html.escape(name)}</a>' for to, name in pages),
        title=html.escape(title),
        contents=contents,
        text=text,
    )
    return filled.encode()


def _reader() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).disable("image")


def _lead(tokens: Sequence[Token]) -> None:
    """Let links within the document lead to its sections; of others the words stay, and the name of the file."""
    names = {_name(tokens, at).lower(): _name(tokens, at) for at in _headings(tokens, "h3")}
    for token in tokens:
        if token.children is not None:
            token.children = list(_led(token.children, names))


def _led(children: Sequence[Token], names: Mapping[str, str]) -> Iterator[Token]:
    leaves_for = ""
    for one in children:
        if one.type == "link_open":
            to = str(one.attrs["href"])
            own = names.get(to[1:].lower()) if to[:1] == "#" else None
            leaves_for = "" if own else to
            if own:
                one.attrs["href"] = f"#{own}"
        elif one.type == "link_close" and leaves_for:
            if _FILE.match(leaves_for):
                yield Token("text", "", 0, content=f" (docs/{leaves_for})")
            continue
        if one.type != "link_open" or not leaves_for:
            yield one


def _parts(tokens: list[Token]) -> tuple[str, str, str]:
    """Title, table of contents, and the text in sections."""
    reader, title, written = _reader(), "", list[str]()
    chapters = list[tuple[str, list[str]]]()
    starts = [at for at, token in enumerate(tokens) if token.type == "heading_open"]
    for at, end in zip(starts, [*starts[1:], len(tokens)], strict=True):
        name, body = _name(tokens, at), str(reader.renderer.render(tokens[at + 3 : end], reader.options, {}))
        shown = html.escape(name)
        if tokens[at].tag == "h1":
            title = name
            written.append(f'<div class="intro">{body}</div>')
        elif tokens[at].tag == "h2":
            chapters.append((shown, []))
            written.append(f"<h2>{shown}</h2>{body}")
        else:
            chapters[-1][1].append(f'<a href="#{shown}">{shown}</a>')
            written.append(
                f'<section class="panel rule" id="{shown}" tabindex="-1" aria-labelledby="{shown}-name">'
                f'<h3 id="{shown}-name">{shown}</h3>{body}</section>'
            )
    contents = "".join(f"<dt>{chapter}</dt><dd>{' '.join(links)}</dd>" for chapter, links in chapters)
    return title, f"<dl>{contents}</dl>", "\n".join(written)


def _headings(tokens: Sequence[Token], tag: str) -> list[int]:
    return [at for at, token in enumerate(tokens) if token.type == "heading_open" and token.tag == tag]


def _name(tokens: Sequence[Token], at: int) -> str:
    return "".join(one.content for one in tokens[at + 1].children or ())
