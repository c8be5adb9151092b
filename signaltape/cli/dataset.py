"""`signaltape dataset`: training sets out of the database, point in time, that can be verified later."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from signaltape.cli.dataset_transfer import pull, push

if TYPE_CHECKING:
    from signaltape.datasets import DatasetRequest, Manifest

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Build, verify, validate or share training sets.")
app.command("push")(push)
app.command("pull")(pull)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Folder = Annotated[Path, typer.Argument(help="Folder of the dataset.")]


@app.command()
def build(
    *,
    start: Annotated[str, typer.Option("--from", help="Bars that close after this time (ISO-8601 with zone).")],
    end: Annotated[str, typer.Option("--to", help="Bars that close at or before this time.")],
    as_of: Annotated[
        str, typer.Option(help="Nothing that wasn't known at this time is used; now: what is stored by now.")
    ],
    horizon: Annotated[int, typer.Option(help="Bars until the label's return is realised.")],
    interval: Annotated[str, typer.Option(help="Bar interval: 1s, 1m, 1d …")],
    out: Annotated[Path, typer.Option(help="Folder to write, new or empty.")],
    features: Annotated[
        str, typer.Option(help="Set as name[:version], columns of core as a,b, of another set as name[:version]/a,b.")
    ] = "core",
    universe: Annotated[
        str, typer.Option(help="all (every symbol with bars in the range), or a CSV file: symbol[,from,to].")
    ] = "all",
    knowledge: Annotated[
        str, typer.Option(help="ingested (stored here by the as-of time) or available (known to the world).")
    ] = "ingested",
    cut: Annotated[bool, typer.Option("--cut", help="Leave out rows whose label hasn't matured.")] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for transactions that can still add rows.")] = 30,
    as_json: _Json = False,
) -> None:
    """Write Parquet and manifest: of each bar the features known first, and the label as known at the as-of time."""
    from infra.build import git_sha
    from infra.settings import load_settings
    from signaltape.datasets import DatasetRequest, build_dataset, database_clock, read_universe

    if knowledge not in ("ingested", "available"):
        raise typer.BadParameter(f"--knowledge {knowledge}: it can be ingested or available")
    settings = load_settings()
    feature_set, version, names = _features(features)
    request = DatasetRequest(
        after=_time(start, "--from"),
        until=_time(end, "--to"),
        as_of=_time(as_of, "--as-of") if as_of != "now" else database_clock(settings),
        horizon=horizon,
        interval=interval,
        feature_set=feature_set,
        version=version,
        features=names,
        knowledge=cast(Literal["ingested", "available"], knowledge),
        universe=None if universe == "all" else read_universe(Path(universe)),
        cut=cut,
    )
    manifest = build_dataset(
        settings, request, out, git_sha=git_sha(), wait=wait, say=lambda text: typer.echo(text, err=True)
    )
    typer.echo(json.dumps(manifest.document()) if as_json else _text(manifest, out))


@app.command()
def show(folder: _Folder, as_json: _Json = False) -> None:
    """Show a dataset's manifest; it is not compared with the rows (see verify)."""
    from signaltape.datasets.files import read_manifest

    manifest = read_manifest(folder)
    typer.echo(json.dumps(manifest.document()) if as_json else _text(manifest, folder))


@app.command()
def verify(
    folder: _Folder,
    again: Annotated[bool, typer.Option("--rebuild", help="Also read the database again, and compare.")] = False,
    as_json: _Json = False,
) -> None:
    """Recompute the fingerprint from the rows; with --rebuild also from the database, under the same as-of time."""
    from signaltape.datasets import open_dataset

    checked = open_dataset(folder)
    difference = None
    if again:
        from infra.settings import load_settings
        from signaltape.datasets import first_difference, rebuild

        difference = first_difference(checked.content, rebuild(load_settings(), checked.manifest).content)
    manifest = checked.manifest
    if as_json:
        found = {"fingerprint": manifest.fingerprint, "rows": manifest.rows, "rebuilt": again, "difference": difference}
        typer.echo(json.dumps(found))
    else:
        typer.echo(f"{manifest.rows:,} rows have the fingerprint of the manifest: {manifest.fingerprint}")
        if again and difference is None:
            typer.echo("the database gives the same rows")
    if difference is not None:
        typer.echo(f"the database gives other rows: {difference}", err=True)
        if not manifest.final:
            typer.echo("the dataset was not final: what was stored since may belong to its as-of time", err=True)
        raise typer.Exit(1)


@app.command()
def validate(
    folder: _Folder,
    suite: Annotated[Path | None, typer.Option(help="Expectations beside the baseline's: a file of --derive.")] = None,
    derive: Annotated[
        Path | None, typer.Option(help="Take this dataset as the reference: write the expectations it implies.")
    ] = None,
    now: Annotated[
        bool, typer.Option("--now", help="Judge freshness by the clock instead of the dataset's as-of time.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write validation.json and validation.html into this folder.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Check a dataset against expectations; exit code 1 if a critical one fails, as training would."""
    from signaltape.cli.validation import check_dataset, derive_suite

    if derive is not None:
        if suite is not None or out is not None:
            raise typer.BadParameter("--derive writes a suite and checks nothing: leave out --suite and --out")
        derive_suite(folder, derive, as_json=as_json)
    else:
        check_dataset(folder, suite, out, clock=now, as_json=as_json)


def _features(text: str) -> tuple[str, int | None, tuple[str, ...]]:
    """Set, version if one is named, and columns (none: all)."""
    from pipeline.features import FEATURE_SETS

    head, slash, tail = text.partition("/")
    name, colon, number = head.partition(":")
    if not (slash or colon or name in FEATURE_SETS):
        name, slash, tail = "core", "/", text
    if colon and not number.isdigit():
        raise typer.BadParameter(f"--features {text}: the version must be a number, as in core:1")
    names = tuple(one.strip() for one in tail.split(",") if one.strip())
    if not name or (slash and not names):
        raise typer.BadParameter(f"--features {text}: names no feature")
    return name, int(number) if colon else None, names


def _time(text: str, option: str) -> int:
    from producers.timestamps import parse_time

    try:
        return parse_time(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option}: {error}") from error


def _text(manifest: "Manifest", folder: Path) -> str:
    from infra.feature_store.pairs import text

    terms, request = manifest.terms, manifest.request
    with_rows = sum(member.rows > 0 for member in manifest.universe)
    lines = [
        f"{folder}: {manifest.rows:,} rows of {with_rows:,} symbols, {len(terms.features)} features",
        f"fingerprint  {manifest.fingerprint}",
        f"features     {terms.feature_set}:{terms.set_version} ({terms.set_hash})",
        f"label        return over {terms.horizon} bars of {terms.interval}",
        f"range        after {text(request.after)} up to {text(request.until)}",
        f"as of        {text(request.as_of)}, by what was {terms.knowledge}; {_finality(manifest)}",
        f"universe     {_universe(request)}, {len(manifest.universe):,} symbols with bars",
        f"left out     {manifest.left_out.late:,} late rows; {_unmatured(manifest)}",
        f"built        {manifest.built_at}, git {manifest.git_sha or 'unknown'}, numerics {manifest.numerics}",
    ]
    return "\n".join(lines)


def _finality(manifest: "Manifest") -> str:
    return "final" if manifest.final else "not final: history that is filled in later can still belong to it"


def _unmatured(manifest: "Manifest") -> str:
    left_out = manifest.left_out
    symbols, holes = left_out.unmatured_symbols, left_out.holes
    inside = f", {holes:,} of them before a row with one" if holes else ""
    return f"{left_out.unmatured:,} rows of {symbols:,} symbols without a matured label{inside}"


def _universe(request: "DatasetRequest") -> str:
    return "all" if request.universe is None else f"{len(request.universe):,} spans of a file"
