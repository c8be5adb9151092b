"""The work of `signaltape dataset validate`."""

import json
import time
from pathlib import Path

import typer

from infra.scoring.files import write_atomically
from signaltape.datasets import open_dataset
from signaltape.validation import (
    VALIDATION_FILE,
    VALIDATION_PAGE,
    Validation,
    ValidationError,
    baseline,
    derive,
    frame_of_content,
    read_suite,
    save_suite,
    validate,
)


def check_dataset(folder: Path, suite: Path | None, out: Path | None, *, clock: bool, as_json: bool) -> None:
    """Check, print, write; exit code 1 if a critical expectation fails."""
    checked = open_dataset(folder)
    as_of = time.time_ns() if clock else checked.manifest.request.as_of
    frame = frame_of_content(checked.content, as_of)
    rules = baseline(frame.features)
    wanted = rules if suite is None else read_suite(suite).with_rules_of(rules)
    found = validate(frame, wanted, checked.manifest.fingerprint)
    if out is not None:
        _write(out, found)
    if as_json:
        typer.echo(json.dumps(found.document()))
    else:
        for line in found.lines():
            typer.echo(line)
    if not found.passed:
        raise typer.Exit(1)


def derive_suite(folder: Path, path: Path, *, as_json: bool) -> None:
    """Write what a reference dataset implies, as the next version of the file."""
    checked = open_dataset(folder)
    frame = frame_of_content(checked.content, checked.manifest.request.as_of)
    made = save_suite(path, derive(frame, path.stem, checked.manifest.fingerprint))
    if as_json:
        document = {"name": made.name, "version": made.version, "sha256": made.sha256}
        typer.echo(json.dumps({**document, "expectations": len(made.expectations)}))
    else:
        typer.echo(f"{path}: {len(made.expectations)} expectations, version {made.version}, SHA-256 {made.sha256}")


def _write(out: Path, found: Validation) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / VALIDATION_FILE, found.to_json())
        write_atomically(out / VALIDATION_PAGE, found.to_html())
    except OSError as error:
        raise ValidationError(f"{error.filename or out}: {error.strerror}; choose a folder to write") from error
