"""`signaltape export`: stored bars into a file that `publish`, `backfill` and `train` take."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    out: Annotated[Path, typer.Argument(help="File to write: .parquet or .csv; it must not exist.")],
    interval: Annotated[str, typer.Option(help="Bar interval: 1s, 1m, 1d …")],
    begin: Annotated[str, typer.Option("--from", help="First close, with its zone. [default: the first bar]")] = "",
    end: Annotated[str, typer.Option("--to", help="Last close, with its zone. [default: the last bar]")] = "",
) -> None:
    """Write the stored bars of the vendor that counts, late and corrected ones included, in their newest revision.

    They are stamped at the close. All of them are held in memory; --from and --to take a part.
    """
    from infra.settings import load_settings
    from producers.bar_files import write_bars
    from signaltape.cli.past import moment
    from signaltape.exporting import stored_bars

    if out.exists():
        raise typer.BadParameter(f"{out} exists: name a new file")
    first = moment(begin, "--from") if begin else None
    last = moment(end, "--to") if end else None
    table = stored_bars(load_settings(), interval, first, last)
    write_bars(out, table)
    typer.echo(f"{len(table):,} bars of {len(set(table.symbol.tolist())):,} symbols in {out} (ts is the close)")
