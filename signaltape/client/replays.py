"""Replaying history: the same agents over bars of the past, beside the live ones and apart from them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from infra.settings import Settings, load_settings
from pipeline.deployments import ModelRef
from pipeline.replay.naming import ReplayName
from producers.bar_source import BarFile
from producers.timestamps import parse_time
from schemas.signals import Signal
from signaltape.client.errors import ClientUsageError
from signaltape.extensions import load_feature_sets
from signaltape.replay.place import ReplayPlace
from signaltape.replay.request import ReplayRequest
from signaltape.replay.run import Listener, ReplayReport, run_replay

__all__ = ["BarFile", "ReplayReport", "replay"]


def replay(
    start: str | int,
    end: str | int,
    *,
    ident: str = "",
    symbols: Sequence[str] = (),
    speed: str = "max",
    source: str | BarFile = "store",
    model: str = "",
    strategy: str = "replay",
    on_signal: Callable[[Signal], None] | None = None,
    keep: bool = False,
    settings: Settings | None = None,
) -> ReplayReport:
    """Replay the bars that close from ``start`` to ``end`` and return what came of it.

    Times are ISO-8601 with a zone, or ns UTC; both are included. ``on_signal`` gets each signal of the range as it
    comes, from a thread of its own. ``model`` (NAME or NAME:VERSION) serves as ``strategy`` in the place of those that
    were live then. ``keep``: leave what the replay made (topics, tables, keys) until ``signaltape replay remove``; else
    it is removed in any case. ``ident`` is the replay's id, by default the present time.

        replay("2024-01-02T00:00:00Z", "2024-01-03T00:00:00Z", speed="60x", on_signal=print)

    Raises ``ClientUsageError`` for what can't be meant, ``ReplayRefused`` where it can't be had, ``ReplayFailed``.
    """
    load_feature_sets()
    request = ReplayRequest(
        name=_name(ident or datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")),
        start=_time(start),
        end=_time(end),
        symbols=tuple(symbols),
        speed=speed,
        source=source,
        model=_model(model),
        strategy=strategy,
    )
    place = ReplayPlace(request.name, settings or load_settings())
    return run_replay(place, request, Listener(signal=on_signal), remove=not keep)


def _name(ident: str) -> ReplayName:
    try:
        return ReplayName(ident)
    except ValueError as error:
        raise ClientUsageError(str(error)) from error


def _time(given: str | int) -> int:
    try:
        return given if isinstance(given, int) else parse_time(given)
    except ValueError as error:
        raise ClientUsageError(str(error)) from error


def _model(text: str) -> ModelRef | None:
    name, _, version = text.partition(":")
    if text and (not name or (version and not version.isdigit())):
        raise ClientUsageError(f"model {text!r:.80} can't be meant; write NAME or NAME:VERSION")
    return ModelRef(name=name, version=int(version or 0)) if text else None
