"""Control events in words, for people who look at what was decided."""

import re
from collections.abc import Iterable, Iterator

from infra.warehouse.moments import to_moment
from pipeline.control_checks import refusal
from schemas.control import ControlEvent

_SWAPS = ("activate", "rollback")
_FEW = 5
#: Characters that nobody sees, and that change how the words around them are read: the order of a sentence above all.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def plain(text: str) -> str:
    r"""A name or reason as part of a sentence: what is unseen in it is written out.

    >>> plain("A\u202eB")
    'A\\u202eB'
    """
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def scope_words(strategy: str, symbols: Iterable[str]) -> str:
    """Whom a decision concerns.

    >>> scope_words("alpha", []), scope_words("", ["B", "A"]), scope_words("", [])
    ('strategy alpha', 'A, B', 'everything')
    """
    named, strategy = sorted(map(plain, symbols)), plain(strategy)
    shown = ", ".join(named[:_FEW]) + (f" and {len(named) - _FEW:,} more" if len(named) > _FEW else "")
    if not named:
        return f"strategy {strategy}" if strategy else "everything"
    return f"{shown} of strategy {strategy}" if strategy else shown


def in_words(events: Iterable[ControlEvent]) -> Iterator[tuple[ControlEvent, str]]:
    """Yield each event, in the order of ``control``, with what it did; one that can't be obeyed says so."""
    live: dict[str, str] = {}
    for event in sorted(events, key=lambda one: one.control_offset):
        if why := refusal(event):
            yield event, f"not obeyed: {why}"
            continue
        yield event, _words(event, live.get(event.strategy, "no model"))
        if event.action in _SWAPS:
            live[event.strategy] = _model(event)


def when_and_why(event: ControlEvent) -> str:
    """When it was issued, by whom and why."""
    why = f": {plain(event.reason[:200])}" if event.reason else ""
    return f"since {to_moment(event.issued_at):%Y-%m-%d %H:%M:%S} UTC by {plain(event.issued_by[:100])}{why}"


def _words(event: ControlEvent, before: str) -> str:
    whom = scope_words(event.strategy, event.symbols)
    match event.action:
        case "activate" | "rollback":
            how = "promoted" if event.action == "activate" else "rolled back to"
            return f"{whom}: live was {before}, is {_model(event)} ({how})"
        case "pause" | "resume":
            return f"{whom} was {event.action}d"
        case "position_scale":
            return f"position scale of {whom} became {event.parameters['scale']:g}"
        case "shadow" | "unshadow":
            which = _model(event) if event.model_version else f"every version of {event.model}"
            return f"{which} {'shadows' if event.action == 'shadow' else 'no longer shadows'} {whom}"
        case "experiment":
            what = "stopped" if event.parameters.get("stop") else f"started, arm {_model(event)}"
            return f"experiment {plain(event.parameters['experiment'])} of {whom} was {what}"
    given = ", ".join(f"{name} = {value}" for name, value in sorted(event.parameters.items()))
    return f"parameters of {whom}: {plain(given[:200])}"


def _model(event: ControlEvent) -> str:
    return f"{plain(event.model)}:{event.model_version}"
