"""`signaltape drift`: what is measured of the models in use."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.warehouse.drift_revisions import Revision

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def drift() -> None:
    """Measure again after corrections; compare alert policies."""


@app.command()
def revise(
    every: Annotated[bool, typer.Option("--every", help="Also sessions whose corrections were seen before.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure sessions again whose returns were corrected after their close. Alerts stay what they were."""
    from infra.settings import load_settings
    from signaltape.drift_revision import revise as run

    found = run(load_settings(), every=every)
    typer.echo(json.dumps([asdict(one) for one in found], default=str, indent=2) if as_json else _text(found))


def _text(found: list["Revision"]) -> str:
    if not found:
        return "nothing changed"
    out = [f"{'session':10} {'strategy':16} {'metric':22} {'first':>12} {'now':>12}  series"]
    for one in found:
        first, value = (
            f"{'insufficient' if each is None else format(each, '+.5f')}" for each in (one.first, one.value)
        )
        day = one.session.date().isoformat()
        out.append(f"{day:10} {one.strategy:16} {one.metric:22} {first:>12} {value:>12}  {one.subject}")
    return "\n".join(out)
