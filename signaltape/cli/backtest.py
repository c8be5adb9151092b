"""`signaltape backtest`: the live flow over history, and an account that trades its signals."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.settings import Settings
    from pipeline.trading.options import TradingOptions
    from producers.bar_source import BarFile


def backtest(
    *,
    model: Annotated[str, typer.Option(help="NAME, NAME:VERSION, or a model's folder.")] = "",
    as_live: Annotated[bool, typer.Option("--as-live", help="The models and decisions that were live then.")] = False,
    begin: Annotated[str, typer.Option("--from", help="First close, with its zone.")] = "",
    end: Annotated[str, typer.Option("--to", help="Last close, with its zone.")] = "",
    source: Annotated[str, typer.Option(help="store, topic, or a file of bars.")] = "store",
    interval: Annotated[str, typer.Option(help="Bars that are traded; of a file: its interval.")] = "",
    stamp: Annotated[str, typer.Option(help="What ts means in a file: open or close.")] = "",
    splits: Annotated[Path | None, typer.Option(help="Of a file: CSV of symbol, effective_time, factor.")] = None,
    out: Annotated[Path | None, typer.Option(help="New folder for the results.")] = None,
    cold: Annotated[bool, typer.Option("--cold", help="Begin with the first bar, not with a kept state.")] = False,
    signals: Annotated[bool, typer.Option(help="Write the signals down.")] = True,
    capital: Annotated[float, typer.Option(help="At the start.")] = 1_000_000.0,
    commission_bps: Annotated[float, typer.Option(help="Of what is traded.")] = 1.0,
    slippage_bps: Annotated[float, typer.Option(help="Worse than the bar's price by.")] = 1.0,
    fill: Annotated[str, typer.Option(help="next_open or next_close.")] = "next_open",
    weight: Annotated[float, typer.Option(help="Share of the equity a full signal asks for.")] = 0.1,
    max_weight: Annotated[float, typer.Option(help="Limit of one symbol.")] = 1.0,
    max_gross: Annotated[float, typer.Option(help="Limit of all positions together.")] = 1.0,
    max_positions: Annotated[int, typer.Option(help="0: no limit.")] = 0,
    sides: Annotated[str, typer.Option(help="both, long or short.")] = "both",
    lot: Annotated[float, typer.Option(help="Whole multiples of it; 0: any fraction.")] = 0.0,
    expiry: Annotated[str, typer.Option(help="hold or expire.")] = "hold",
    rebalance: Annotated[bool, typer.Option(help="Trade back to the weight at every signal.")] = False,
    sessions_a_year: Annotated[int, typer.Option(min=1, help="Of annual figures; 365 if it never closes.")] = 252,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Run the live flow over history and trade its signals at the next bar; write figures, files and a report."""
    from infra.settings import load_settings
    from signaltape.backtest import BacktestRequest, Choice, summary
    from signaltape.backtest.document import document
    from signaltape.backtest.run import backtest as run
    from signaltape.cli.progress import reached

    if bool(model) == as_live:
        raise typer.BadParameter("give one of --model NAME[:VERSION] and --as-live")
    settings = load_settings()
    terms = {
        "capital": capital, "commission_bps": commission_bps, "slippage_bps": slippage_bps, "fill": fill,
        "weight": weight, "max_weight": max_weight, "max_gross": max_gross, "max_positions": max_positions,
        "sides": sides, "lot": lot, "expiry": expiry, "rebalance": rebalance,
    }  # fmt: skip
    request = BacktestRequest(
        choice=Choice(model=model or None),
        out=_folder(settings, model, out),
        start=_moment("--from", begin),
        end=_moment("--to", end),
        source=_source(source, interval, stamp, splits),
        interval=interval or None,
        cold=cold,
        keep_signals=signals,
        sessions_a_year=sessions_a_year,
        trading=_terms(terms),
    )
    with reached() as moved:
        found = run(settings, request, moved)
    typer.echo(json.dumps(document(found), indent=1, allow_nan=False) if as_json else summary(found))


def _terms(terms: dict[str, object]) -> "TradingOptions":
    from pipeline.trading.options import TradingOptions

    try:
        return TradingOptions(**terms)  # type: ignore[arg-type]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _moment(option: str, text: str) -> int | None:
    from producers.timestamps import parse_time

    try:
        return parse_time(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(f"{option} {text!r}: {error}") from None


def _source(source: str, interval: str, stamp: str, splits: Path | None) -> "str | BarFile":
    from producers.bar_source import SOURCES
    from signaltape.cli.past import bar_file

    if source in SOURCES:
        if stamp or splits:
            raise typer.BadParameter(f"--stamp and --splits belong to a file, --source is {source}")
        return source
    return bar_file(source, interval, stamp, splits)


def _folder(settings: "Settings", model: str, out: Path | None) -> Path:
    if out is not None:
        return out
    name = Path(model).name.replace(":", "-") if model else "as-live"
    return settings.home / "backtests" / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
