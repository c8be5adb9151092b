"""A Faust service from start to end."""

import asyncio
import contextlib
import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import faust
import structlog
import uvloop
from confluent_kafka import KafkaException

from consumers.shell import adapter
from consumers.shell.app import add_agent, build_app
from consumers.shell.errors import ShellError
from consumers.shell.handler import Committer, Handler, TopicPartition
from consumers.shell.inbox import Assigned, Inbox, Revoked
from consumers.shell.lanes import Lanes
from consumers.shell.log_probe import LogProbe
from consumers.shell.options import ShellOptions
from consumers.shell.retry import Patience
from consumers.shell.watchdog import Report, Watchdog
from consumers.shell.worker import Quiet, Worker
from infra.settings import Settings

_log = structlog.get_logger()
#: Makes the service's handler, in the thread in which it will run.
MakeHandler = Callable[[Committer, Patience], Handler]


class _GroupCommitter:
    """Commits through the running app."""

    def __init__(self, app: faust.App, patience_s: float) -> None:
        self._app, self._patience_s = app, patience_s

    def commit(self, offsets: Mapping[TopicPartition, int]) -> bool:
        return adapter.commit(self._app, offsets, self._patience_s)


class Shell:
    """Reads ``topics`` as consumer group ``group`` and gives their messages to a handler until ``stop`` is set.

    ``run`` returns after a clean stop and raises what made the service fail; there is no restart inside: the
    process ends and a supervisor starts it again from its checkpoint.
    """

    def __init__(
        self,
        settings: Settings,
        group: str,
        topics: Sequence[str],
        make_handler: MakeHandler,
        *,
        options: ShellOptions,
        stop: threading.Event,
        report: Report | None = None,
    ) -> None:
        self._settings, self._group, self._topics = settings, group, tuple(topics)
        self._make_handler, self._options, self._stop, self._report = make_handler, options, stop, report
        self.patience = Patience(stop)
        self.app: faust.App | None = None
        self._inbox: Inbox | None = None

    def waiting(self) -> int:
        """Return how many messages have been read and not yet handled."""
        return 0 if self._inbox is None else self._inbox.waiting

    def run(self) -> None:
        """Run until stopped. Raises what the handler raised, ``StalledError``, ``GapError``, ``ShellError``."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        """Run the service.

        1. Wait until Kafka knows the topics.
        2. Start the worker and Faust; the hooks only announce changes, in order with the messages.
        3. Wait for a stop, a failure of the handler or of Faust, or a stall.
        4. On a stop let the worker settle, look for ends of logs, and finish while the group is still joined; then
           stop Faust.
        """
        options = self._options
        probe = LogProbe(self._settings, read_committed=options.read_committed)
        await asyncio.to_thread(self._await_topics, probe)
        app = build_app(self._settings, self._group, options)
        inbox, lanes = Inbox(options), Lanes(probe.missing if options.contiguous else None)
        committer = _GroupCommitter(app, options.commit_patience_s)

        def last_look(positions: Mapping[TopicPartition, int]) -> Quiet:
            try:
                return probe.quiet(positions)
            except KafkaException as error:
                _log.warning("log ends unknown", error=str(error))
                return {}

        worker = Worker(
            lambda: self._make_handler(committer, self.patience), inbox, lanes, options, self._stop,
            quiet=lambda: watchdog.quiet, look=last_look,
        )  # fmt: skip
        watchdog = Watchdog(
            LogProbe(self._settings, read_committed=options.read_committed),
            options.stall_after_s,
            positions=lambda: worker.positions,
            excuse=lambda: self.patience.waiting_for,
            report=self._report,
        )
        self.app, self._inbox = app, inbox
        add_agent(app, self._topics, inbox.put)
        self._hook(app, inbox)
        try:
            worker.start()
            await app.start()
            watchdog.start()
            while not self._stop.is_set() and self._fault(app, worker, watchdog) is None:
                await asyncio.sleep(0.05)
            fault = self._fault(app, worker, watchdog)
            if fault is None:
                await asyncio.to_thread(worker.join, options.stop_patience_s)
                fault = self._fault(app, worker, watchdog)
                if worker.is_alive():
                    fault = ShellError(f"the round at hand didn't end within {options.stop_patience_s:g} s of the stop")
        finally:
            await self._end(app, watchdog)
        if fault is not None:
            raise fault

    def _await_topics(self, probe: LogProbe) -> None:
        for topic in self._topics:
            self.patience.persist("kafka", (KafkaException,), functools.partial(probe.ends, (topic, 0)))

    def _hook(self, app: faust.App, inbox: Inbox) -> None:
        async def revoked(*_: Any, **__: Any) -> None:
            change = Revoked(settled=threading.Event())
            inbox.announce(change)
            if not await asyncio.to_thread(change.settled.wait, self._options.revoke_patience_s):
                _log.warning("rebalance goes on without the round at hand", waiting_for=self.patience.waiting_for)

        async def assigned(_: Any, partitions: Any, **__: Any) -> None:
            inbox.announce(Assigned(partitions=frozenset((tp.topic, tp.partition) for tp in partitions)))

        signals: Any = app  # Faust types them as taking no value
        signals.on_partitions_revoked.connect(revoked)
        signals.on_partitions_assigned.connect(assigned)

    @staticmethod
    def _fault(app: faust.App, worker: Worker, watchdog: Watchdog) -> BaseException | None:
        if worker.error is not None:
            return worker.error
        if watchdog.error is not None:
            return watchdog.error
        if app.crashed:
            reason = app.crash_reason
            return ShellError(f"Faust ended: {type(reason).__name__}: {reason}")
        return None

    async def _end(self, app: faust.App, watchdog: Watchdog) -> None:
        self._stop.set()  # whoever waits for a server gives up: the process ends
        with contextlib.suppress(Exception):
            await asyncio.wait_for(app.stop(), self._options.stop_patience_s)
        if watchdog.is_alive():
            await asyncio.to_thread(watchdog.stop)
