"""`signaltape explain`: why there was a signal, or none, shown from what is recorded and computed again."""

from typing import Annotated

import typer


def explain(
    subject: Annotated[str, typer.Argument(help="A signal's id or its beginning; with --at a symbol.")],
    at: Annotated[str | None, typer.Option(help="Close of the symbol's bar: time with zone, or ns UTC.")] = None,
    interval: Annotated[str | None, typer.Option(help="Bar interval. [default: the only one stored]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Explain a signal by its id, or why a symbol's bar led to none; then compute it all again and compare.

    Shows the bars, features, models, scores, terms in force, the router's decisions, control events and latencies.
    Exit code 1 if the recomputation differs, or something that it needs can't be had any more.
    """
    import json

    from infra.settings import load_settings
    from signaltape.cli.past import moment
    from signaltape.explanation import explain_bar, explain_signal
    from signaltape.explanation.document import document
    from signaltape.explanation.text import lines

    if at is None:
        if interval is not None:
            raise typer.BadParameter("--interval goes with --at: a signal's id says its interval")
        made = explain_signal(load_settings(), subject)
    else:
        made = explain_bar(load_settings(), subject, moment(at, "--at"), interval)
    found = document(made)
    typer.echo(json.dumps(found, indent=2) if as_json else "\n".join(lines(found)))
    if made.verdict in ("differs", "not checked"):
        again = made.recomputed
        first = str(again.differences[0]) if again.differences else again.problems[0]
        typer.echo(f"signaltape: {'differs' if again.differences else 'not checked'}: {first}", err=True)
        raise typer.Exit(1)
