"""`signaltape daily`: the report on one day, now."""

import json
from datetime import date
from pathlib import Path
from typing import Annotated

import typer


def daily(
    *,
    day: Annotated[
        str, typer.Option("--date", help="Session day, YYYY-MM-DD (UTC). [default: the last that ended]")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Also write text, JSON and page into this folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Report on a day: features, models, drift, alerts, decisions. `signaltape run daily` does it each day."""
    from datetime import UTC, datetime

    from infra.settings import load_settings
    from signaltape.daily.run import last_session, make_report, write_report

    now = datetime.now(UTC)
    settings = load_settings()
    report = make_report(settings, _day(day) if day else last_session(now), now)
    files = {} if out is None else write_report(report, out, settings.daily.keep)
    if as_json:
        typer.echo(json.dumps({**report.document, "files": files}))
        return
    typer.echo(report.text)
    for path in files.values():
        typer.echo(f"written: {path}", err=True)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; give YYYY-MM-DD", param_hint="--date") from None
