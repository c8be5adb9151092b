"""The SDK: publish bars, follow signals and alerts, ask for a symbol's signal, issue control events, replay."""

from typing import TYPE_CHECKING, Any

from signaltape.client.alerts import AlertSubscriber
from signaltape.client.bars import BarPublisher, PublisherOptions
from signaltape.client.control import Control
from signaltape.client.errors import BarRejectedError, ClientError, ClientUsageError
from signaltape.client.signals import Gap, SignalSubscriber, Update
from signaltape.serving.answers import SignalAnswer

if TYPE_CHECKING:
    from signaltape.client.replays import BarFile, ReplayReport, replay
    from signaltape.serving.signal_reader import SignalReader

__all__ = [
    "AlertSubscriber",
    "BarFile",
    "BarPublisher",
    "BarRejectedError",
    "ClientError",
    "ClientUsageError",
    "Control",
    "Gap",
    "PublisherOptions",
    "ReplayReport",
    "SignalAnswer",
    "SignalReader",
    "SignalSubscriber",
    "Update",
    "replay",
]


def __getattr__(name: str) -> Any:
    """What needs more than Kafka is loaded when it is first asked for: who only publishes or follows doesn't."""
    if name == "SignalReader":
        from signaltape.serving.signal_reader import SignalReader

        return SignalReader
    if name in ("BarFile", "ReplayReport", "replay"):
        from signaltape.client import replays

        return getattr(replays, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
