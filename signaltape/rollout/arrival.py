"""Seeing a control event arrive: the notices that the inference leaves in ``signals``."""

import time
from types import TracebackType
from typing import Self

from infra.settings import Settings
from infra.warehouse import serving
from infra.warehouse.connection import Warehouse
from infra.warehouse.errors import WarehouseError
from schemas.codec import decode_any
from schemas.control import ControlEvent
from schemas.errors import DecodeError
from schemas.signals import Notice
from schemas.topics import TopicNames
from signaltape.client.topic_follower import Taken, TopicFollower
from signaltape.rollout.errors import NotReceived, RefusedByInference

_POLL_S = 0.1


class Arrivals:
    """Follows ``signals`` from where it ended when this was made; a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = TopicNames(settings.topics.prefix).signals
        self._follower = TopicFollower(settings, self._topic, "end", 0.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._follower.close()

    def wait(self, event: ControlEvent, end: float) -> dict[int, int]:
        """Return partition → bar time (ns UTC) from which the event acts there, once all have shown it.

        ``end`` is an instant of ``time.monotonic``. Raises NotReceived, or RefusedByInference.
        """
        seen: dict[int, int] = {}
        wanted = set(range(self._settings.topics.partitions))
        while wanted - seen.keys():
            if time.monotonic() >= end:
                raise NotReceived(self._missing(event, sorted(wanted - seen.keys())))
            for taken in self._follower.poll(_POLL_S):
                notice = _notice(taken)
                if notice is None or notice.control_offset != event.control_offset:
                    continue
                if notice.kind == "refused":
                    raise RefusedByInference(
                        f"{event.action} (control event {event.control_offset}) was written and has no effect, the "
                        f"inference does not obey it: {notice.detail}. Does it run another release than this command?"
                    )
                seen.setdefault(taken.partition, notice.event_time)
        return dict(sorted(seen.items()))

    def _missing(self, event: ControlEvent, partitions: list[int]) -> str:
        named = "; ".join(f"{self._topic}[{number}] ({who})" for number, who in self._owners(partitions).items())
        return (
            f"{event.action} (control event {event.control_offset}) was written and has not been received everywhere "
            f"in time; missing: {named}. It stays in control and acts there once they go on; are ingest, feature agent "
            "and inference running? `signaltape status`"
        )

    def _owners(self, partitions: list[int]) -> dict[int, str]:
        try:
            with Warehouse(self._settings, "signaltape-rollout") as warehouse:
                known = warehouse.run(lambda one: serving.instances(one, self._settings.topics.prefix))
        except WarehouseError:
            return dict.fromkeys(partitions, "owner not known")
        owners = {number: one for one in known for number in one.partitions}
        return {
            number: f"{owners[number]}, seen {owners[number].silent_s:.0f} s ago" if number in owners else "no owner"
            for number in partitions
        }


def _notice(taken: Taken) -> Notice | None:
    """Return the notice in a record; signals, by far the most, are told by their key."""
    if taken.value is None or taken.record is None or taken.record.key() is not None:
        return None
    try:
        message = decode_any(taken.value, taken.content_type())
    except DecodeError:
        return None
    return message if isinstance(message, Notice) else None
