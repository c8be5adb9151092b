"""Makes a day's report and writes it as text, JSON and page."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from infra.errors import OperatorError
from infra.scoring.files import write_atomically
from infra.settings import Settings
from signaltape.daily.document import day_of, document
from signaltape.daily.gathering import gather
from signaltape.daily.html import html
from signaltape.daily.text import text

_DAYS_A_SESSION = 1.6


class ReportNotWritten(OperatorError):
    """A report can't be made or written; the message names the day or the file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """One day's report: plain values, and the same as text and page."""

    session: date
    document: dict[str, Any]
    text: str
    page: bytes


def last_session(now: datetime) -> date:
    """The newest session day (UTC) that has ended at ``now``."""
    return now.astimezone(UTC).date() - timedelta(days=1)


def make_report(settings: Settings, day: date, now: datetime) -> Report:
    """The report on a session day as it is known at ``now``. Raises ReportNotWritten for a day that hasn't ended."""
    if day > last_session(now):
        raise ReportNotWritten(
            f"{day} has not ended yet (days are UTC): the newest report is that of {last_session(now)}"
        )
    session = (day - day_of(0)).days
    found = document(gather(settings, session, now), settings.daily.sessions)
    first = day - timedelta(days=round(settings.daily.sessions * _DAYS_A_SESSION))
    return Report(session=day, document=found, text=text(found), page=html(found, first))


def write_report(report: Report, folder: Path, keep: int) -> dict[str, str]:
    """Write the three files, each whole or not at all; old days beyond ``keep`` make way. Kind → path."""
    name = report.session.isoformat()
    body = json.dumps(report.document, indent=2, allow_nan=False) + "\n"
    content = {"json": body.encode(), "txt": (report.text + "\n").encode(), "html": report.page}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind, data in content.items():
            write_atomically(folder / f"daily-{name}.{kind}", data)
        for old in sorted(folder.glob("daily-????-??-??.json"))[:-keep]:
            for kind in content:
                old.with_suffix(f".{kind}").unlink(missing_ok=True)
    except OSError as error:
        raise ReportNotWritten(
            f"{error.filename or folder}: {error.strerror}; name another folder with --out"
        ) from error
    return {kind: str(folder / f"daily-{name}.{kind}") for kind in content}


def reports_folder(settings: Settings) -> Path:
    """Where the scheduled job writes."""
    return settings.home / "reports"
