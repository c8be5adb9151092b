"""`signaltape replay`: a range of history through the same agents, beside the live ones."""

import json
import signal
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pipeline.deployments import ModelRef
    from pipeline.replay.naming import ReplayName
    from producers.bar_source import BarFile
    from signaltape.replay.record import ReplayRecord
    from signaltape.replay.request import ReplayRequest

app = typer.Typer(invoke_without_command=True, add_completion=False)
Ident = Annotated[str, typer.Argument(metavar="ID", help="The replay's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def replay(
    context: typer.Context,
    start: Annotated[str, typer.Option("--from", help="Bars that close at or after this time (with zone).")] = "",
    end: Annotated[str, typer.Option("--to", help="Bars that close at or before this time (with zone).")] = "",
    symbols: Annotated[str, typer.Option(help="Only these, comma separated. [default: all]")] = "",
    speed: Annotated[str, typer.Option(help="max, 1x, 60x …; a break of over an hour takes two seconds.")] = "max",
    source: Annotated[str, typer.Option(help="store, topic, or a file of bars.")] = "store",
    interval: Annotated[str, typer.Option(help="Bar interval of a file: 1s, 1m, 1d …")] = "",
    stamp: Annotated[str, typer.Option(help="What ts stamps in a file: open or close.")] = "",
    splits: Annotated[Path | None, typer.Option(help="CSV of splits of a file.")] = None,
    model: Annotated[str, typer.Option(help="NAME[:VERSION] in the place of history's models.")] = "",
    strategy: Annotated[str, typer.Option(help="What --model serves as.")] = "replay",
    ident: Annotated[str, typer.Option("--id", help="The replay's id. [default: the time]")] = "",
    signals: Annotated[bool, typer.Option("--signals", help="Print the signals of the range as they come.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove what it made once it has ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Replay a range of history through the same agents, with topics, tables and keys of its own.

    Nothing live is touched. What a replay made stays until `signaltape replay remove ID`.
    """
    if context.invoked_subcommand is not None:
        return
    if not start and source in ("store", "topic"):
        typer.echo(context.get_help())
        raise typer.Exit(2)
    from infra.settings import load_settings
    from signaltape.cli.replay_text import Told, report_text
    from signaltape.replay.errors import ReplayCancelled
    from signaltape.replay.place import ReplayPlace
    from signaltape.replay.run import run_replay

    request = _request(
        (start, end), _source(source, interval, stamp, splits), ident,
        symbols=_names(symbols), speed=speed, model=_model(model), strategy=strategy,
    )  # fmt: skip
    place = ReplayPlace(request.name, load_settings())
    signal.signal(signal.SIGTERM, _cancel)
    try:
        with Told(request, signals=signals, as_json=as_json) as told:
            report = run_replay(place, request, told.listener, remove=remove)
    except ReplayCancelled as error:
        left = "nothing of it is left" if remove else f"`signaltape replay remove {request.name.ident}` removes it"
        typer.echo(f"{error}; {left}", err=True)
        raise typer.Exit(130) from None
    typer.echo(json.dumps(asdict(report)) if as_json else report_text(report, removed=remove))


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List replays, ended ones too."""
    from infra.settings import load_settings
    from signaltape.cli.replay_text import record_line
    from signaltape.replay.record import records

    found = records(load_settings())
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found]))
        return
    for one in found:
        typer.echo(record_line(one))
    if not found:
        typer.echo("no replays")


@app.command()
def show(ident: Ident, as_json: AsJson = False) -> None:
    """Show how far a replay is."""
    from infra.settings import load_settings
    from signaltape.replay.managing import known

    _print(known(load_settings(), _name(ident)), as_json=as_json)


@app.command()
def pause(ident: Ident, as_json: AsJson = False) -> None:
    """Stop publishing, between two bar times; the agents stay."""
    from infra.settings import load_settings
    from signaltape.replay.managing import pause as run

    _print(run(load_settings(), _name(ident)), as_json=as_json)


@app.command()
def resume(ident: Ident, as_json: AsJson = False) -> None:
    """Go on after a pause."""
    from infra.settings import load_settings
    from signaltape.replay.managing import resume as run

    _print(run(load_settings(), _name(ident)), as_json=as_json)


@app.command()
def cancel(ident: Ident, as_json: AsJson = False) -> None:
    """End a replay before its end; what it made stays."""
    from infra.settings import load_settings
    from signaltape.replay.managing import cancel as run

    _print(run(load_settings(), _name(ident)), as_json=as_json)


@app.command()
def remove(ident: Ident, as_json: AsJson = False) -> None:
    """Remove everything that a replay made: topics, groups, tables, keys, files."""
    from infra.settings import load_settings
    from signaltape.replay.errors import ReplayRefused
    from signaltape.replay.place import ReplayPlace
    from signaltape.replay.removal import remove_replay

    removed = remove_replay(ReplayPlace(_name(ident), load_settings()))
    if not removed.anything:
        raise ReplayRefused(f"there is no replay {ident}, and nothing of one; `signaltape replay list`")
    if as_json:
        typer.echo(json.dumps(asdict(removed)))
        return
    typer.echo(
        f"removed replay {ident}: {removed.topics} topics, {removed.groups} groups, {removed.tables} tables, "
        f"{removed.keys} Redis keys"
    )


def _cancel(*_: object) -> None:
    """Take SIGTERM for Ctrl-C: the agents are stopped in order."""
    raise KeyboardInterrupt


def _print(record: "ReplayRecord", *, as_json: bool) -> None:
    from signaltape.cli.replay_text import record_text

    typer.echo(json.dumps(asdict(record)) if as_json else record_text(record))


def _name(ident: str) -> "ReplayName":
    from pipeline.replay.naming import ReplayName

    try:
        return ReplayName(ident)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _model(text: str) -> "ModelRef | None":
    from pipeline.deployments import ModelRef

    if not text:
        return None
    name, _, version = text.partition(":")
    if not name or (version and not version.isdigit()):
        raise typer.BadParameter(f"--model is {text!r:.80}; write NAME or NAME:VERSION")
    return ModelRef(name=name, version=int(version or 0))


def _source(source: str, interval: str, stamp: str, splits: Path | None) -> "str | BarFile":
    from producers.bar_source import SOURCES
    from signaltape.cli.past import bar_file

    if source in SOURCES:
        if interval or stamp or splits:
            raise typer.BadParameter(f"--interval, --stamp and --splits belong to a file, --source is {source}")
        return source
    return bar_file(source, interval, stamp, splits)


def _request(times: tuple[str, str], source: "str | BarFile", ident: str, **given: Any) -> "ReplayRequest":
    from datetime import UTC, datetime

    from signaltape.cli.decided import bar_time
    from signaltape.replay.request import EVER, ReplayRequest

    start, end = bar_time(times[0], "--from"), bar_time(times[1], "--to")
    if isinstance(source, str) and not end:
        raise typer.BadParameter("give --to as well: until which close?")
    name = _name(ident or datetime.now(UTC).strftime("%Y%m%d-%H%M%S"))
    return ReplayRequest(name=name, start=start, end=end or EVER, source=source, **given)
