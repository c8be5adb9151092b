"""Pausing, resuming and cancelling a replay from a page that shows its state."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from infra.settings import Settings
from pipeline.replay.naming import ReplayName
from signaltape.console.runs.replays import replay_line
from signaltape.replay.errors import NotObeyed
from signaltape.replay.managing import cancel, known, pause, resume
from signaltape.replay.record import ReplayRecord

Action = Literal["pause", "resume", "cancel"]
_ACTS = {"pause": pause, "resume": resume, "cancel": cancel}
_DONE = {
    "pause": "The replay is paused. Its agents stay; nothing more is published until it is resumed.",
    "resume": "The replay goes on.",
    "cancel": "The replay has ended. What it made stays until `signaltape replay remove {ident}`.",
}


class StateMoved(Exception):
    """The replay is no longer in the state that the page showed; nothing was done."""


class Steer(BaseModel):
    """``expected``: the state that the page showed. ``reason``: recorded in the audit line."""

    model_config = ConfigDict(extra="forbid")

    expected: str = Field(max_length=20)
    reason: str = Field(min_length=3, max_length=400)


def steer(settings: Settings, name: ReplayName, action: Action, expected: str, deadline_s: float) -> dict[str, object]:
    """Do it, and say what came of it. Raises StateMoved, ReplayRefused.

    A replay looks at wishes between two messages: one that has not obeyed in ``deadline_s`` has still been asked.
    """
    record = known(settings, name)
    # How far it is moves by itself; what matters is whether somebody else has steered it.
    steered = (record.state == "paused") != (expected == "paused")
    if record.state != expected and (steered or action not in replay_line(record)["may"]):
        raise StateMoved(f"replay {name.ident} was {expected}, is {record.state} now")
    try:
        found: ReplayRecord = _ACTS[action](settings, name, deadline_s)
    except NotObeyed as error:
        return {"text": f"Asked for. {error}; it obeys when it looks next.", "state": record.state, "obeyed": False}
    if action == "pause" and found.state != "paused":
        return {"text": f"The replay has ended before it could be paused: {found.state}.", "state": found.state,
                "obeyed": False}  # fmt: skip
    return {"text": _DONE[action].format(ident=name.ident), "state": found.state, "obeyed": True}
