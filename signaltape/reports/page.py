"""A self-contained HTML page: no script, nothing loaded from elsewhere, every text escaped."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from string import Template

#: Cell values that stand for a verdict get a colour as well as their word.
_VERDICTS = {"passed": "good", "failed": "bad", "warning": "odd", "not applicable": "none"}
_RIGHT = ' class="number"'
_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1b2733; margin: 2rem auto; max-width: 62rem; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: 0 }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
p.lead { color: #51606e; margin-top: .25rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #dde3e8; vertical-align: top }
th { font-weight: 600; color: #51606e }
table.even { table-layout: fixed }
td.number, th.number { text-align: right; white-space: nowrap }
.good { color: #1a7f4b } .bad { color: #b3261e; font-weight: 600 } .odd { color: #8a5a00 } .none { color: #6b7883 }
figure { margin: 1rem 0; overflow-x: auto } figcaption { color: #51606e; font-size: .9rem }
p.notice { background: #fdf3e4; border-left: 4px solid #d55e00; padding: .4rem .8rem; margin: .5rem 0 }
code { font-size: .9em; overflow-wrap: anywhere }
</style>
</head>
<body>
<h1>$title</h1>
<p class="lead">$lead</p>
$body
</body>
</html>
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows under a head; a cell is text or a number (None: nothing). Numbers stand to the right, and texts that are
    figures do in the columns ``right``. ``even``: all columns are equally wide."""

    head: Sequence[str]
    rows: Sequence[Sequence[str | float | int | None]]
    right: Collection[int] = ()
    even: bool = False

    def html(self) -> str:
        """The element."""
        head = "".join(
            f'<th scope="col"{_RIGHT if at in self.right else ""}>{escape(one)}</th>'
            for at, one in enumerate(self.head)
        )
        body = "\n".join(f"<tr>{''.join(self._cells(row))}</tr>" for row in self.rows)
        kind = ' class="even"' if self.even else ""
        return f"<table{kind}>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"

    def _cells(self, row: Sequence[str | float | int | None]) -> Iterator[str]:
        for at, value in enumerate(row):
            figure = isinstance(value, str) and at in self.right
            yield f"<td{_RIGHT}>{escape(str(value))}</td>" if figure else _cell(value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """A text that must not be overlooked."""

    text: str

    def html(self) -> str:
        """The element."""
        return f'<p class="notice">{escape(self.text)}</p>'


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A picture: ``svg`` is an element of `signaltape.reports.plots`, put in as it is."""

    svg: str
    caption: str

    def html(self) -> str:
        """The element."""
        return f"<figure>{self.svg}<figcaption>{escape(self.caption)}</figcaption></figure>"


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A heading and what stands below it: text, tables, figures, notices."""

    title: str
    content: Sequence[str | Table | Figure | Notice]

    def html(self) -> str:
        """The elements."""
        parts = (f"<p>{escape(one)}</p>" if isinstance(one, str) else one.html() for one in self.content)
        return "\n".join((f"<h2>{escape(self.title)}</h2>", *parts))


def page(title: str, lead: str, sections: Iterable[Section]) -> bytes:
    """The whole document, UTF-8."""
    body = "\n".join(section.html() for section in sections)
    return _PAGE.substitute(title=escape(title), lead=escape(lead), body=body).encode()


def number(value: float) -> str:
    """Up to five significant digits, thousands separated: a figure for people."""
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e15):
        return f"{value:,.0f}"
    return f"{value:,.5g}"


def _cell(value: str | float | int | None) -> str:
    if value is None:
        return "<td></td>"
    if isinstance(value, str):
        kind = f' class="{_VERDICTS[value]}"' if value in _VERDICTS else ""
        return f"<td{kind}>{escape(value)}</td>"
    return f'<td class="number">{number(value)}</td>'
