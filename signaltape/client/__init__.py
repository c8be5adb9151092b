"""The SDK: publish bars, follow signals and alerts, ask for the signal of a symbol, issue control events."""

from typing import TYPE_CHECKING, Any

from signaltape.client.alerts import AlertSubscriber
from signaltape.client.bars import BarPublisher, PublisherOptions
from signaltape.client.control import Control
from signaltape.client.errors import BarRejectedError, ClientError, ClientUsageError
from signaltape.client.signals import Gap, SignalSubscriber, Update
from signaltape.serving.answers import SignalAnswer

if TYPE_CHECKING:
    from signaltape.serving.signal_reader import SignalReader

__all__ = [
    "AlertSubscriber",
    "BarPublisher",
    "BarRejectedError",
    "ClientError",
    "ClientUsageError",
    "Control",
    "Gap",
    "PublisherOptions",
    "SignalAnswer",
    "SignalReader",
    "SignalSubscriber",
    "Update",
]


def __getattr__(name: str) -> Any:
    """``SignalReader`` is loaded when it is first asked for: who only publishes or follows needs no Redis."""
    if name != "SignalReader":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from signaltape.serving.signal_reader import SignalReader

    return SignalReader
