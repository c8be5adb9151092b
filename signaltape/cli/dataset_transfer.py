"""`signaltape dataset push` and `pull`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Url = Annotated[str, typer.Option("--url", help="Place: file:///folder, http://host/path or https://host/path.")]
_Token = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="File with a token, sent as `Authorization: Bearer`.")
]


def push(
    folder: Annotated[Path, typer.Argument(help="Folder of the dataset.")],
    name: Annotated[str, typer.Argument(help="Name at the place; versions are counted up.")],
    *,
    url: _Url,
    token_file: _Token = None,
    as_json: _Json = False,
) -> None:
    """Store a dataset at a place as the next version of NAME; the same dataset again makes no new version."""
    from signaltape.datasets.remote import remote_of
    from signaltape.datasets.transfer import push as store

    made = store(remote_of(url, _token(token_file)), name, folder)
    done = f"{made.name}:{made.version} is at {url}, fingerprint {made.fingerprint}"
    typer.echo(json.dumps(asdict(made)) if as_json else done)


def pull(
    dataset: Annotated[str, typer.Argument(metavar="NAME[:VERSION]", help="By default the newest version.")],
    *,
    url: _Url,
    out: Annotated[Path, typer.Option(help="Folder to write, new or empty.")],
    token_file: _Token = None,
    as_json: _Json = False,
) -> None:
    """Fetch a dataset from a place; SHA-256 of its files and its fingerprint are compared."""
    from signaltape.cli.references import parse_ref
    from signaltape.datasets.remote import remote_of
    from signaltape.datasets.transfer import pull as fetch

    name, version = parse_ref(dataset)
    found = fetch(remote_of(url, _token(token_file)), name, version, out)
    done = f"{found.name}:{found.version} in {out}, fingerprint {found.fingerprint} verified"
    typer.echo(json.dumps(asdict(found)) if as_json else done)


def _token(path: Path | None) -> str:
    return "" if path is None else path.read_text(encoding="utf-8").strip()
