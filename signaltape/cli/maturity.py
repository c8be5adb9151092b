"""`signaltape maturity`: how mature is the work with models, by area."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from signaltape.maturity.assessment import Assessment
    from signaltape.maturity.questions import Question


def maturity(
    *,
    answers: Annotated[
        Path | None, typer.Option(help="TOML or JSON file of answers: question = level (0 to 3).")
    ] = None,
    questions: Annotated[
        bool, typer.Option("--questions", help="Print what only people can answer, as a file to fill in.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Assess nine areas by ten questions each, levels 0 to 3; the three weakest come with advice.

    The system answers from its own records where it can. The rest comes from a file, or is asked for on a terminal.
    """
    from infra.errors import OperatorError
    from infra.settings import load_settings
    from infra.warehouse.connection import Warehouse
    from infra.warehouse.maturity import maturity_measures
    from signaltape.maturity.answers import read_answers
    from signaltape.maturity.assessment import assess, unanswered
    from signaltape.maturity.questions import areas

    said = {} if answers is None else read_answers(answers)
    measures: dict[str, float | None] = {}
    try:
        with Warehouse(load_settings(), "signaltape-maturity") as warehouse:
            measures = warehouse.run(maturity_measures)
    except OperatorError as error:
        typer.echo(f"no evidence: {error}", err=True)
    open_ones = unanswered(areas(), measures, said)
    if questions:
        for one in open_ones:
            typer.echo(f'# {one.text}\n"{one.id}" = 0')
        return
    if answers is None and not as_json and sys.stdin.isatty():
        said = dict(_asked(open_ones))
    found = assess(areas(), measures, said)
    if as_json:
        typer.echo(json.dumps(found.document()))
        return
    for line in _lines(found):
        typer.echo(line)


def _asked(open_ones: "list[Question]") -> "Iterator[tuple[str, int]]":
    from signaltape.maturity.questions import LEVELS

    typer.echo("; ".join(f"{level}: {meaning}" for level, meaning in enumerate(LEVELS)) + "; empty: no answer")
    for one in open_ones:
        while True:
            given = typer.prompt(f"{one.text} [0-3]", default="", show_default=False).strip()
            if given == "" or given in "0123":
                break
            typer.echo(f"{given!r} is no level: give 0 to 3, or nothing")
        if given:
            yield one.id, int(given)


def _lines(found: "Assessment") -> "Iterator[str]":
    from signaltape.maturity.assessment import weak_points

    for area in found.areas:
        yield f"{_number(area.average)}  {area.title} ({area.answered} of {len(area.answers)} answered)"
        for one in area.answers:
            level = "-" if one.level is None else str(one.level)
            yield f"     {level}  {one.text} [{one.source}{': ' + one.detail if one.detail else ''}]"
    yield f"{_number(found.average)}  all areas"
    yield from (f"ignored: {one}" for one in found.ignored)
    for place, area in enumerate(found.weakest, 1):
        yield f"\n{place}. {area.title}: {_number(area.average).strip()}. {area.advice}"
        yield f"   weakest: {', '.join(weak_points(area))}"


def _number(value: float | None) -> str:
    return " n/a" if value is None else f"{value:4.2f}"
