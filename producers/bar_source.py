"""Where bars of the past come from."""

from dataclasses import dataclass
from pathlib import Path

#: Beside a file: the record in Postgres, or the topic.
SOURCES = ("store", "topic")


@dataclass(frozen=True, kw_only=True, slots=True)
class BarFile:
    """Bars of a file: CSV or Parquet. ``stamp``: what its ts means; ``splits``: a CSV of them; ``lag`` in ns."""

    path: Path
    interval: str
    stamp: str
    splits: Path | None = None
    lag: int = 0
