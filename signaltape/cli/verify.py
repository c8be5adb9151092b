"""`signaltape verify`: a proof that a range of the log, taken again, gives what the live agents left."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from signaltape.verification.plan import Question


def verify(
    begin: Annotated[str, typer.Option("--from", help="First close, with its zone.")],
    end: Annotated[str, typer.Option("--to", help="Last close, with its zone.")],
    cold: Annotated[bool, typer.Option("--cold", help="Begin with the first bar, not with a kept state.")] = False,
    batch_rows: Annotated[
        int | None, typer.Option(min=1, help="Cut messages into parts of at most so many bars.")
    ] = None,
    named: Annotated[int, typer.Option("--all", min=1, help="Name up to so many differences.")] = 1,
    rebuild: Annotated[
        bool, typer.Option("--rebuild-digests", help="First make missing digests from the stored rows.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before digests are made.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compute a range again from the store and compare it with digests and rows, bit for bit.

    Exit code 0 if all is equal, 1 if something differs or could not be compared.
    """
    import json

    from infra.settings import load_settings
    from signaltape.cli.past import moment
    from signaltape.cli.progress import bar_progress
    from signaltape.verification.document import document
    from signaltape.verification.plan import Question
    from signaltape.verification.rebuilt import rebuild_range
    from signaltape.verification.text import lines
    from signaltape.verification.verifying import verify as run

    settings = load_settings()
    question = Question(
        start=moment(begin, "--from"), end=moment(end, "--to"), cold=cold, batch_rows=batch_rows, limit=named
    )
    if question.end < question.start:
        raise typer.BadParameter("--to lies before --from")
    if rebuild:
        _confirm(question, yes)
        report = rebuild_range(settings, question)
        typer.echo(f"{report.added:,} digests were made from rows; what had one kept it", err=True)
    with bar_progress("bars", 0) as moved:
        made = run(settings, question, moved)
    typer.echo(json.dumps(document(made), indent=2) if as_json else "\n".join(lines(made)))
    if made.verdict != "equal":
        raise typer.Exit(1)


def _confirm(question: "Question", yes: bool) -> None:
    from schemas.times import iso

    span = f"{iso(question.start)} to {iso(question.end)}"
    if not yes and not typer.confirm(f"Make the missing digests of {span} from the rows as they are now?", err=True):
        raise typer.Exit(1)
