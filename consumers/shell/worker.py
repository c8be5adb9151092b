"""The one thread in which a handler runs."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from consumers.shell.errors import Stopped
from consumers.shell.handler import Handler, Round, TopicPartition
from consumers.shell.inbox import Assigned, Inbox, Revoked
from consumers.shell.lanes import Lanes
from consumers.shell.options import ShellOptions
from infra.broker.reading import Record

_log = structlog.get_logger()
#: Partition → a position, and the end of the log behind it, between which no message lies or lay.
Quiet = Mapping[TopicPartition, tuple[int, int]]


class Worker(threading.Thread):
    """Takes rounds from the inbox and gives them to the handler, with changes of assignment at their place.

    1. A revocation settles the handler and suspends the lanes; its timers rest too, for what they would write may be
       another process's by now.
    2. An assignment closes what was lost, opens what is new, and only then lets messages through.
    3. A round goes to the handler; then the handler's timers run.
    4. A partition that stands where ``quiet`` says that its log ends behind no further message moves on to that end.

    Ends by itself when asked to stop (after ``settle``, 4 by a look of its own, and ``finish``) or when the handler
    raises (``error``). ``quiet``: what is known without asking; ``look``: asks, about these positions.
    """

    def __init__(
        self,
        make_handler: Callable[[], Handler],
        inbox: Inbox,
        lanes: Lanes,
        options: ShellOptions,
        stop: threading.Event,
        *,
        quiet: Callable[[], Quiet] = dict,
        look: Callable[[Mapping[TopicPartition, int]], Quiet] = lambda _: {},
    ) -> None:
        super().__init__(name="handler", daemon=True)
        self._make_handler, self._inbox, self._lanes = make_handler, inbox, lanes
        self._options, self._stopping = options, stop
        self._quiet, self._look = quiet, look
        self.positions: dict[TopicPartition, int] = {}
        self.error: BaseException | None = None

    def run(self) -> None:
        """Work until asked to stop."""
        try:
            handler = self._make_handler()
            while not self._stopping.is_set():
                self._turn(handler)
            handler.settle()
            if not self._lanes.suspended:
                self._move_on(handler, self._look(self._lanes.expected))
            handler.finish()
        except Stopped as wait:
            _log.info("stopped while waiting", what=str(wait))
        except BaseException as error:
            self.error = error
        finally:
            self._inbox.close()

    def _turn(self, handler: Handler) -> None:
        item = self._inbox.take(self._options.idle_every_s)
        if isinstance(item, Revoked):
            try:
                handler.settle()
                self._lanes.suspend()
            finally:
                item.settled.set()  # a handler that failed has nothing more under way
        elif isinstance(item, Assigned):
            self._assign(handler, item.partitions)
        elif item:
            size = sum(len(message.value or b"") for message in item)
            self._give(handler, self._lanes.sort(_record(message) for message in item))
            self._inbox.done(len(item), size)
        if not self._lanes.suspended:
            self._move_on(handler, self._quiet())
            handler.idle()

    def _move_on(self, handler: Handler, quiet: Quiet) -> None:
        """Step 4."""
        if moved := self._lanes.move_on(quiet):
            handler.at_end(moved)
            self.positions.update(moved)

    def _assign(self, handler: Handler, partitions: frozenset[TopicPartition]) -> None:
        lost = self._lanes.expected.keys() - partitions
        new = sorted(partitions - self._lanes.expected.keys())
        for key in lost:
            handler.close(key)
            del self._lanes.expected[key]
            self.positions.pop(key, None)
        for key in new:
            self._lanes.expected[key] = handler.open(key)
        _log.info("assigned", partitions=len(partitions), new=new, lost=sorted(lost))
        self._give(handler, self._lanes.resume())
        self.positions = dict(self._lanes.expected)

    def _give(self, handler: Handler, messages: Round) -> None:
        if messages:
            handler.handle(messages)
            self.positions.update((key, self._lanes.expected[key]) for key in messages)


def _record(message: object) -> Record:
    """Convert Faust's raw message."""
    m: Any = message
    return Record(
        topic=m.topic,
        partition=m.partition,
        offset=m.offset,
        timestamp_ms=-1 if m.timestamp is None else round(m.timestamp * 1_000),
        key=m.key,
        value=m.value,
        headers=tuple(m.headers or ()),
    )
