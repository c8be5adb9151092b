"""`signaltape models`: what is registered, and how a model from elsewhere comes in."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signaltape.cli.checklist import checklist
from signaltape.cli.comparing import best, compare
from signaltape.cli.live import live_at
from signaltape.cli.promotion import archive, promote, remove, rollback, stages
from signaltape.cli.references import parse_ref
from signaltape.cli.shadows import shadow, shadow_report

if TYPE_CHECKING:
    from infra.scoring.manifest import ModelManifest
    from infra.scoring.registry import ModelRegistry, RegisteredModel
    from infra.scoring.session import F4Array
    from infra.warehouse.models import ModelRow
    from signaltape.model_tests import Evidence

app = typer.Typer(no_args_is_help=True, add_completion=False, help="List, show, register, compare, promote models.")
for _name, _command in (
    ("best", best),
    ("checklist", checklist),
    ("compare", compare),
    ("promote", promote),
    ("rollback", rollback),
    ("archive", archive),
    ("remove", remove),
    ("stages", stages),
    ("live-at", live_at),
    ("shadow", shadow),
    ("shadow-report", shadow_report),
):
    app.command(_name)(_command)
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_models(
    removed: Annotated[bool, typer.Option("--removed", help="Removed versions too.")] = False, as_json: _Json = False
) -> None:
    """Show every version of every model, with its stage; `models live-at` says what is live."""
    from infra.settings import load_settings
    from infra.warehouse.connection import Warehouse
    from infra.warehouse.model_stages import newest_stages

    rows = _registry().rows(removed=removed)
    with Warehouse(load_settings(), "signaltape-models") as warehouse:
        recorded = {str(ref): one.stage for ref, one in warehouse.run(newest_stages).items()}

    def said(row: "ModelRow") -> str:
        return "removed" if row.removed_at is not None else recorded.get(f"{row.name}:{row.version}", "none")

    if as_json:
        listed = [
            {
                "name": row.name,
                "version": row.version,
                "created_at": row.created_at.isoformat(),
                "stage": said(row),
                **_brief(row.manifest),
            }
            for row in rows
        ]
        typer.echo(json.dumps(listed))
        return
    if not rows:
        typer.echo("no model is registered yet; `signaltape train` makes one, `signaltape models register` takes one")
    for row in rows:
        about = _brief(row.manifest)
        typer.echo(
            f"{row.name}:{row.version}  {about['family'] or 'external'}  {about['feature_set']}"
            f"  {','.join(about['intervals'])}  horizon {about['horizon']}  {row.created_at:%Y-%m-%d %H:%M}"
            f"  {str(about['sha256'])[:12]}  {said(row)}"
        )


@app.command("show")
def show(
    model: Annotated[str, typer.Argument(help="NAME or NAME:VERSION. [default: the newest version]")],
    check: Annotated[bool, typer.Option("--check", help="Load it: checksums and golden vectors on this host.")] = False,
    as_json: _Json = False,
) -> None:
    """Show a model: manifest, metrics on held-out rows, files, training runs."""
    name, version = parse_ref(model)
    registry = _registry()
    found = registry.get_model(name, version)
    if check:
        registry.load(found.manifest.name, found.manifest.version)
    if as_json:
        typer.echo(json.dumps(_document(found) | ({"loadable": True} if check else {})))
        return
    _print(found)
    if check:
        typer.echo("loads on this host: checksums and golden vectors agree")


@app.command("register")
def register(
    file: Annotated[Path, typer.Argument(help="ONNX file: input float [n, features], outputs score, confidence.")],
    manifest: Annotated[Path, typer.Option(help="JSON manifest.")],
    golden: Annotated[Path | None, typer.Option(help="Golden vectors. [default: made here]")] = None,
    dataset: Annotated[
        Path | None,
        typer.Option(help="Run the model tests on this dataset, labels included. [default: on the golden vectors]"),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Register a model made elsewhere: the same checks and model tests as for one trained here."""
    from infra.scoring.files import write_atomically
    from infra.scoring.foreign import prepare_folder
    from signaltape.model_card import CARD_FILE, Evaluation, model_card
    from signaltape.model_tests import check_folder

    with tempfile.TemporaryDirectory(prefix="signaltape-register-") as scratch:
        made = prepare_folder(file, manifest, golden, Path(scratch))
        report = check_folder(Path(scratch), made, *_rows_for(made, dataset), invented=not (golden or dataset))
        write_atomically(Path(scratch) / CARD_FILE, model_card(made, Evaluation(tests=report)))
        version = _registry().register(Path(scratch), made)
    if as_json:
        found = {"passed": report.passed, "share": report.share}
        typer.echo(json.dumps({"name": made.name, "version": version, "sha256": made.sha256, "model_tests": found}))
        return
    for line in report.lines():
        typer.echo(line)
    if golden is None:
        typer.echo("no golden vectors were given: they were made on this host and hold its results still", err=True)
    typer.echo(f"registered as {made.name}:{version}")


def _rows_for(manifest: "ModelManifest", dataset: Path | None) -> "tuple[F4Array | None, Evidence | None]":
    """A dataset's rows as the model takes them, and what came true of them; nothing without a dataset."""
    if dataset is None:
        return None, None
    from signaltape.datasets import open_dataset
    from signaltape.model_tests import Evidence
    from signaltape.training.from_dataset import rows_for_model

    rows = rows_for_model(open_dataset(dataset), manifest)
    return rows.x, Evidence(y=rows.y, event_time=rows.event_time)


@app.command("reproduce")
def reproduce(
    model: Annotated[str, typer.Argument(help="NAME or NAME:VERSION. [default: the newest version]")],
    dataset: Annotated[Path, typer.Option(help="The dataset that it was trained on.")],
    as_json: _Json = False,
) -> None:
    """Train a model again from its dataset and recorded options: the same bytes, or why not (exit code 1)."""
    from signaltape.datasets import open_dataset
    from signaltape.training.errors import TrainingError
    from signaltape.training.reproduction import reproduce as again

    found = _registry().get_model(*parse_ref(model))
    if not found.runs:
        raise TrainingError(f"{model} was not trained by this program: no run is recorded of it")
    with tempfile.TemporaryDirectory(prefix="signaltape-reproduce-") as scratch:
        items = again(found.manifest, found.runs[-1], open_dataset(dataset), Path(scratch) / "model")
    if as_json:
        typer.echo(json.dumps([{"name": one.name, "was": one.was, "now": one.now, "same": one.same} for one in items]))
    else:
        for one in items:
            typer.echo(
                f"{one.name:18} " + (f"same       {one.was}" if one.same else f"different  {one.was} → {one.now}")
            )
    if not items[-1].same:
        raise typer.Exit(1)


def _registry() -> "ModelRegistry":
    from infra.scoring.registry import ModelRegistry
    from infra.settings import load_settings

    return ModelRegistry(load_settings())


def _brief(manifest: Any) -> dict[str, Any]:
    return {name: manifest[name] for name in ("family", "feature_set", "intervals", "horizon", "sha256")}


def _document(found: "RegisteredModel") -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "name": found.manifest.name,
        "version": found.manifest.version,
        "created_at": found.created_at.isoformat(),
        "manifest": found.manifest.document(),
        "metrics": [asdict(one) for one in found.metrics],
        "artifacts": [asdict(one) for one in found.artifacts],
        "runs": [
            asdict(one) | {"started_at": one.started_at.isoformat(), "finished_at": one.finished_at.isoformat()}
            for one in found.runs
        ],
    }


def _print(found: "RegisteredModel") -> None:
    from signaltape.cli.model_text import manifest_lines, metric_lines

    typer.echo(f"{found.manifest.ref}, registered {found.created_at:%Y-%m-%d %H:%M:%S} UTC")
    for line in (*manifest_lines(found.manifest), *metric_lines(found.metrics)):
        typer.echo(line)
    for one in found.artifacts:
        typer.echo(f"  {one.kind:10} {one.path}  {one.size:,} bytes  {one.sha256[:12]}")
    for run in found.runs:
        typer.echo(
            f"trained by {run.run_id} on data set {run.dataset_fingerprint[:12]}, source {run.git_sha or 'unknown'}"
        )
