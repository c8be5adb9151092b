"""What is in force now, on each partition, as the inference consumer has it; read only.

1. The metadata of the inference group's offsets says which control events each partition has received, and from when
   each acts there.
2. Events of ``control`` behind those are on their way: they are taken as the partition will take them, with its head.
   So a pause holds here as soon as it is in ``control``, also while no inference consumer runs.
"""

import threading
import time
from dataclasses import replace

from confluent_kafka import Consumer, KafkaException, TopicPartition

from consumers.inference.commit_metadata import from_text
from infra.broker.admin import check_partitions
from infra.broker.config import consumer_config
from infra.broker.errors import BrokerError
from infra.errors import OperatorError
from infra.settings import Settings
from infra.telemetry.logs import get_logger
from pipeline.control import ControlEventMissing, ControlState
from pipeline.deployments import Deployments
from schemas.codec import decode_any
from schemas.control import ControlEvent
from schemas.errors import DecodeError
from schemas.partitioning import partition_of
from schemas.topics import TopicNames
from signaltape.client.topic_follower import TopicFollower

_POLL_S = 0.5
#: How often the group's offsets are read while events are on their way, and otherwise.
_SOON_S, _LATER_S = 0.5, 10.0
_ANSWER_S = 3.0
_AWAY_S = 1.0
_BEGIN_S = 30.0


class ControlView:
    """Follows control from a thread of its own; the newest picture is there without waiting.

    The constructor returns with a picture, or raises OperatorError. While Kafka is away the last one stays, and
    ``failure`` says why it may be old ("" while it isn't).
    """

    def __init__(self, settings: Settings) -> None:
        check_partitions(settings)
        self._settings = settings
        names = TopicNames(settings.topics.prefix)
        self._names, self._partitions = names, settings.topics.partitions
        self._asked = [TopicPartition(names.features, number) for number in range(self._partitions)]
        group = f"{settings.topics.prefix}signaltape-inference"
        # Never joins. What is being committed at this moment is not waited for: the next look sees it.
        uncommitted = {"isolation.level": "read_uncommitted"}
        self._group = Consumer(consumer_config(settings, group, **uncommitted))
        self._follower = TopicFollower(settings, names.control, "beginning", 0.0)
        self._events: list[ControlEvent] = []
        self._states: tuple[ControlState, ...] = ()
        self._known: tuple[ControlEvent, ...] = ()
        self._again_at = 0.0
        self._stop = threading.Event()
        self.failure = ""
        try:
            self._begin()
        except BaseException:
            self._close()
            raise
        self._thread = threading.Thread(target=self._run, name="control-view", daemon=True)
        self._thread.start()

    def partition(self, symbol: str) -> int:
        """The partition on which a symbol lives."""
        return partition_of(symbol, self._partitions)

    def in_force(self, partition: int, instant: int) -> Deployments:
        """What is deployed on a partition for bars that close at ``instant`` (ns UTC)."""
        return self._states[partition].in_force(instant)

    def everywhere(self, instant: int) -> dict[int, Deployments]:
        """The same for every partition."""
        return {number: state.in_force(instant) for number, state in enumerate(self._states)}

    @property
    def events(self) -> tuple[ControlEvent, ...]:
        """Every event of ``control`` that the picture is made of, in order."""
        return self._known

    def close(self) -> None:
        """Stop following."""
        self._stop.set()
        self._thread.join()
        self._close()

    def _close(self) -> None:
        self._follower.close()
        self._group.close()

    def _begin(self) -> None:
        end = time.monotonic() + _BEGIN_S
        while self._follower.unread:
            self._take()
            if time.monotonic() > end:
                raise BrokerError(f"{self._names.control} can't be read to its end; is Kafka reachable?")
        self._rebuild()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if self._take() or time.monotonic() >= self._again_at:
                    self._rebuild()
            except OperatorError as error:
                self._fail(str(error))
            except Exception as error:  # a thread that ends would leave a picture that grows old, and says nothing
                get_logger().exception("control_view_failed")
                self._fail(f"a fault of this program ({error!r:.200}); see its log")

    def _fail(self, reason: str) -> None:
        """Say why the picture may be old, and begin again in a moment."""
        self.failure = reason
        self._stop.wait(_AWAY_S)
        self._follow_again()

    def _follow_again(self) -> None:
        """A follower that has failed stays so: begin again with another one."""
        try:
            follower = TopicFollower(self._settings, self._names.control, "beginning", 0.0)
            self._follower.close()
        except Exception as error:
            self.failure = str(error)
            return
        self._follower, self._events, self._again_at = follower, [], 0.0

    def _take(self) -> bool:
        """Take what has come in ``control``; True if that was something."""
        taken = [one for one in self._follower.poll(_POLL_S) if not one.at_end]
        for one in taken:
            try:
                event = decode_any(one.value, one.content_type())
            except DecodeError:
                continue  # its readers have put it on the dead-letter topic
            if isinstance(event, ControlEvent):
                self._events.append(replace(event, control_offset=one.offset))
        return bool(taken)

    def _rebuild(self) -> None:
        """Make the picture anew; raises OperatorError."""
        if self._follower.unread:
            return
        try:
            places = self._group.committed(self._asked, timeout=_ANSWER_S)
            errors = [place.error for place in places if place.error is not None]
            if errors:
                raise KafkaException(errors[0])
        except KafkaException as error:
            raise BrokerError(f"what is in force can't be read: {error.args[0].str()}; is Kafka reachable?") from error
        last = max((event.control_offset for event in self._events), default=-1)
        pending = False
        states = []
        for place in places:
            metadata = from_text(place.metadata, f"{place.topic}[{place.partition}]")
            try:
                state = ControlState.restore(metadata.received, dict(metadata.kept), self._events)
            except ControlEventMissing as error:
                raise BrokerError(str(error)) from error
            pending |= metadata.received < last
            for event in self._events:
                if event.control_offset > metadata.received:
                    state.receive(event, metadata.standing.head, metadata.standing.partition_time)
            states.append(state)
        self._states, self._known = tuple(states), tuple(self._events)
        self.failure = ""
        self._again_at = time.monotonic() + (_SOON_S if pending else _LATER_S)
