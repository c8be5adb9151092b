"""Replays of this home folder: how far each is, and what it was asked for."""

from dataclasses import asdict
from typing import Any

from infra.settings import Settings
from schemas.times import parse_iso_time
from signaltape.replay.record import ENDED, ReplayRecord, records

#: Replays that are shown, the newest first.
MOST = 200
#: State → what may be done about it.
_MAY = {
    "paused": ("resume", "cancel"),
    **dict.fromkeys(("starting", "lead-in", "draining"), ("cancel",)),
    "running": ("pause", "cancel"),
}


def replays(settings: Settings) -> dict[str, Any]:
    """The newest replays, with their progress and what can be done about each."""
    found = sorted(records(settings), key=lambda one: (one.created_at, one.ident), reverse=True)
    return {
        "replays": [replay_line(one) for one in found[:MOST]],
        "all": len(found),
        "limit": MOST,
        "truncated": len(found) > MOST,
        "running": sum(one.state not in ENDED and one.state != "died" for one in found),
    }


def replay_line(record: ReplayRecord) -> dict[str, Any]:
    """One replay for JSON; ``share``: of the range that has been published, None before it is known."""
    progress = record.progress
    bars, of = progress.get("bars"), progress.get("of")
    return {
        **{name: value for name, value in asdict(record).items() if name != "guardian"},
        "created_ns": parse_iso_time(record.created_at),
        "share": bars / of if isinstance(bars, int) and of else None,
        "may": list(_MAY.get(record.state, ())),
    }
