"""`signaltape backup`: copy a local stack, prove that the copy is whole and works, and put it back."""

import json
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from signaltape.backup.manifest import Manifest

app = typer.Typer(no_args_is_help=True)
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SourceOption = Annotated[Path, typer.Option("--from", help="Folder of the backup.")]


@app.callback()
def backup() -> None:
    """Back up Kafka and Postgres of the local stack together, with the model files, and restore them."""


@app.command()
def create(
    to: Annotated[Path, typer.Option("--to", help="Folder to write; it doesn't exist yet, or is empty.")],
    as_json: JsonOption = False,
) -> None:
    """Stop the servers, copy their files and the models, start the servers again.

    Services may run meanwhile: they wait. What comes out holds passwords and is readable for its owner only.
    """
    from infra.settings import load_settings
    from signaltape.backup.creating import create as make
    from signaltape.cli.stack import say, stack_config

    settings = load_settings()
    signal.signal(signal.SIGTERM, _end)
    config = stack_config(None, kafka=None, controller=None, postgres=None, redis=None)
    made = make(settings.home, config, to.absolute(), _now(), lambda text: say(f"backup: {text}"))
    _print(made, as_json, f"backup written to {to.absolute()}")


@app.command()
def verify(source: SourceOption, as_json: JsonOption = False) -> None:
    """Read a backup to its end and compare every archive with the manifest; ends with 1 if one was cut or changed."""
    from signaltape.backup.manifest import check

    with _reading(source) as moved:
        made = check(source, moved)
    _print(made, as_json, f"{source} is whole")


@app.command()
def restore(
    source: Annotated[Path | None, typer.Option("--from", help="Folder of the backup.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take back a restore that was broken off.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Put a backup into the home folder, which must hold no data; then `signaltape up` and `signaltape init`.

    One that was broken off is taken up again by the same command, or taken back with --undo; until then nothing starts.
    """
    from infra.settings import load_settings
    from signaltape.backup.restoring import restore as put_back
    from signaltape.backup.restoring import undo as take_back

    home = load_settings().home
    if undo:
        if source is not None:
            raise typer.BadParameter("--undo needs no --from: what it takes back is written in the home folder")
        back = take_back(home)
        typer.echo(json.dumps({"home": str(home), "taken_back": back}) if as_json else f"{home} is as it was before")
        return
    if source is None:
        raise typer.BadParameter("say which backup: --from FOLDER")
    with _reading(source) as moved:
        made = put_back(source, home, moved)
    _print(made, as_json, f"restored into {home}; next: signaltape up, signaltape init, signaltape backup check")


@app.command()
def check(as_json: JsonOption = False) -> None:
    """Say whether the database, the log and the model files that are there belong together; ends with 1 if not."""
    from infra.settings import load_settings
    from signaltape.backup.fitting import check_fit

    fit = check_fit(load_settings())
    if as_json:
        typer.echo(json.dumps({"ok": not fit.misfits, **asdict(fit)}, indent=2))
    else:
        for one in fit.misfits:
            typer.echo(f"✗ {one.where}: {one.detail}")
        typer.echo(
            f"{fit.positions} positions and {fit.artifacts} model files looked at: "
            + (f"{len(fit.misfits)} DON'T belong to the rest" if fit.misfits else "they belong together")
        )
    if fit.misfits:
        raise typer.Exit(1)


@app.command()
def drill(
    source: SourceOption,
    deadline: Annotated[float, typer.Option(min=1, help="Seconds that services may take to come to rest.")] = 600.0,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the restored copy in <home>/drill.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Restore a backup beside the live stack, run it, compare its log and tables, and remove it; ends with 1 if not ok.

    Nothing of the live stack is touched, and no alert of the copy is delivered.
    """
    from infra.settings import load_settings
    from signaltape.backup.drill import drill as rehearse
    from signaltape.cli.stack import say

    signal.signal(signal.SIGTERM, _end)
    made = rehearse(source.absolute(), load_settings().home, deadline, lambda text: say(f"drill: {text}"), keep=keep)
    if as_json:
        typer.echo(json.dumps({"ok": made.ok, "steps": [asdict(step) for step in made.steps]}, indent=2))
    else:
        for step in made.steps:
            mark = {True: "✓", False: "✗", None: "–"}[step.ok]
            typer.echo(f"{mark} {step.name:<32} {step.seconds:>7.1f} s  {step.detail}")
        typer.echo("the backup works" if made.ok else "the backup does NOT work: see the line with ✗")
    if not made.ok:
        raise typer.Exit(1)


def _print(made: "Manifest", as_json: bool, words: str) -> None:
    if as_json:
        typer.echo(json.dumps(made.as_json(), indent=2))
        return
    for name, part in made.parts.items():
        typer.echo(f"{name:<9} {part.files:>7,} files {part.content_bytes:>15,} bytes, packed {part.bytes:>13,}")
    typer.echo(f"{words} (made at {made.made_at} by signaltape {made.program})")


def _reading(source: Path) -> AbstractContextManager[Callable[[int], None]]:
    """Progress over the bytes of a backup."""
    from signaltape.backup.manifest import read
    from signaltape.cli.progress import bar_progress

    return bar_progress("bytes", sum(part.bytes for part in read(source).parts.values()))


def _end(*_: object) -> None:
    """Turn SIGTERM into an orderly end: servers that were stopped run again, and nothing half done is left."""
    sys.exit(143)


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="seconds")
