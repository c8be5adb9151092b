"""What was decided so far, from the topic ``control`` and from where its events were seen to act."""

from collections.abc import Mapping
from dataclasses import dataclass

from consumers.inference.restore import control_events
from infra.broker.admin import low_high_offsets
from infra.settings import Settings
from infra.warehouse import deployments
from infra.warehouse.connection import Connection, Warehouse
from pipeline.deployments import Deployments, fold
from pipeline.succession import Succession, order_of_effect, successions
from schemas.control import ControlEvent
from schemas.topics import TopicNames


@dataclass(frozen=True, kw_only=True, slots=True)
class Decisions:
    """All control events in the order of effect, and what follows from them.

    ``deployments``: what is in force once every event acts; ``successions`` by strategy.
    """

    events: tuple[ControlEvent, ...]
    successions: Mapping[str, Succession]
    deployments: Deployments

    def of(self, strategy: str) -> Succession:
        """A strategy's succession, an empty one if it never had a model."""
        return self.successions.get(strategy, Succession(strategy=strategy))


def read_decisions(settings: Settings) -> Decisions:
    """Read ``control`` to its end. Raises TopicError, WarehouseUnavailable."""
    topic = TopicNames(settings.topics.prefix).control
    end = low_high_offsets(settings, topic)[0][1]
    events = control_events(settings, end - 1)

    def seen(connection: Connection) -> dict[int, int]:
        return deployments.latest_effect(connection, topic)

    with Warehouse(settings, "signaltape-decisions") as warehouse:
        effective = warehouse.run(seen)
    ordered = order_of_effect(events, effective)
    return Decisions(events=tuple(ordered), successions=successions(ordered), deployments=fold(ordered))
