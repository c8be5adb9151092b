"""The SDK: publish bars, follow signals and alerts, issue control events."""

from signaltape.client.alerts import AlertSubscriber
from signaltape.client.bars import BarPublisher, PublisherOptions
from signaltape.client.control import Control
from signaltape.client.errors import BarRejectedError, ClientError, ClientUsageError
from signaltape.client.signals import Gap, SignalSubscriber, Update

__all__ = [
    "AlertSubscriber",
    "BarPublisher",
    "BarRejectedError",
    "ClientError",
    "ClientUsageError",
    "Control",
    "Gap",
    "PublisherOptions",
    "SignalSubscriber",
    "Update",
]
