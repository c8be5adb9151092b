"""`signaltape simulate`: a seeded market, to a file."""

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    out: Annotated[Path, typer.Option(help="File to write: .parquet or .csv.")],
    symbols: Annotated[int, typer.Option(min=1, help="Number of symbols.")] = 500,
    sessions: Annotated[int, typer.Option(min=1, help="Number of session days.")] = 1,
    interval: Annotated[str, typer.Option(help="Bar interval.")] = "1m",
    seed: Annotated[int, typer.Option(help="Equal seeds give equal bars.")] = 7,
    ic: Annotated[float, typer.Option(min=0.0, max=0.99, help="Strength of the predictable part.")] = 0.08,
    decay_at: Annotated[int | None, typer.Option(help="Session from which the predictable part is gone.")] = None,
    fault_at: Annotated[int | None, typer.Option(help="Session from which symbols freeze or shift.")] = None,
    frozen: Annotated[int, typer.Option(min=0, help="Symbols that repeat their last price.")] = 0,
    shifted: Annotated[int, typer.Option(min=0, help="Symbols that jump by 30 %.")] = 0,
) -> None:
    """Write simulated bars (made up, stamped at the close) to a file that `publish` and `train` take."""
    from producers.bar_files import write_bars
    from producers.errors import BarInputError
    from producers.simulation.market import MarketConfig
    from producers.simulation.market import simulate as make
    from schemas.intervals import INTERVALS

    if interval not in INTERVALS:
        raise BarInputError(f"interval {interval!r} can't be simulated; use one of {', '.join(INTERVALS)}")
    config = MarketConfig(
        seed=seed, symbols=symbols, sessions=sessions, interval=interval, ic=ic,
        decay_at=decay_at, fault_at=fault_at, frozen=frozen, shifted=shifted,
    )  # fmt: skip
    table = make(config)
    write_bars(out, table)
    typer.echo(f"{len(table):,} simulated bars of {symbols} symbols in {out} (ts is the close)")
