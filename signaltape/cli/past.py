"""What commands over the past have in common: a file of bars, and a time."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from producers.bar_source import BarFile


def bar_file(source: str, interval: str, stamp: str, splits: Path | None) -> "BarFile":
    """The file that ``--source`` names. Raises BadParameter where there is none, or something of it isn't said."""
    from producers.bar_source import BarFile

    path = Path(source)
    if not path.is_file():
        raise typer.BadParameter(f"--source {source}: neither store nor topic, and no such file")
    if not interval or not stamp:
        raise typer.BadParameter(f"--source {source}: give --interval and --stamp open|close")
    return BarFile(path=path, interval=interval, stamp=stamp, splits=splits)


def moment(text: str, option: str) -> int:
    """A time in ns UTC: ISO-8601 with zone, or ns. Raises BadParameter that names the option."""
    from schemas.times import parse_iso_time

    try:
        return int(text) if text.isdecimal() else parse_iso_time(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option}: {error}") from error
