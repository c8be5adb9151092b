"""What `/metrics` says, as numbers by name and labels."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

_HEAD = re.compile(r"([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})?")
_LABEL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)",?')
_ESCAPED = re.compile(r"\\(.)")


class Series(NamedTuple):
    """One time series: the sample's name, and its labels sorted by name."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()

    def has(self, wanted: Iterable[tuple[str, str]]) -> bool:
        """True if it carries all of these labels."""
        return all(pair in self.labels for pair in wanted)


Samples = Mapping[Series, float]


def parse_samples(text: str) -> dict[Series, float]:
    """Read Prometheus' text format. Times of creation are left out; a line that can't be read is too.

    >>> parse_samples('# HELP x X.\\nx_total{b="1",a="q\\\\"q"} 2.0\\nx_created{b="1"} 1.7e9\\n')
    {Series(name='x_total', labels=(('a', 'q"q'), ('b', '1'))): 2.0}
    """
    found: dict[Series, float] = {}
    for line in text.split("\n"):
        if not line or line[0] == "#":
            continue
        head, _, value = line.rpartition(" ")
        series = _series(head)
        if series is None:
            continue
        try:
            found[series] = float(value)
        except ValueError:
            continue
    return found


@lru_cache(maxsize=32_768)
def _series(head: str) -> Series | None:
    """Name and labels of a line; remembered, because every look sees the same ones."""
    match = _HEAD.fullmatch(head)
    if match is None or match[1].endswith("_created"):
        return None
    labels = ((name, _unescaped(text)) for name, text in _LABEL.findall(match[2] or ""))
    return Series(match[1], tuple(sorted(labels)))


def total(samples: Samples, name: str, labels: Mapping[str, str]) -> float | None:
    """The sum of the series of this name that carry these labels; None if there is none."""
    wanted = labels.items()
    values = [value for series, value in samples.items() if series.name == name and series.has(wanted)]
    return sum(values) if values else None


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPED.sub(lambda match: "\n" if match[1] == "n" else match[1], text)
