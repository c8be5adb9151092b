"""A recording service on the shell: runs in a thread of the test, or as a process that writes what it does."""

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from consumers.shell import Committer, Patience, Round, Shell, ShellOptions
from infra.broker.admin import set_group_offsets
from infra.broker.config import idempotent_producer_config
from infra.settings import Settings, load_settings
from tests.support.waiting import wait_for

Key = tuple[str, int]


def make_topic(settings: Settings, name: str, partitions: int, groups: tuple[str, ...] = ()) -> str:
    """A topic of this test's own, with explicit offsets 0 for `groups`; its full name."""
    topic = f"{settings.topics.prefix}{name}"
    admin = AdminClient({"bootstrap.servers": settings.kafka.bootstrap_servers})
    for future in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
        future.result(30)
    # A topic just made is known to the broker a moment later: until then it takes no offsets for it.
    wait_for(lambda: topic in admin.list_topics(timeout=30).topics, 30, f"{topic} to be known")
    for group in groups:
        set_group_offsets(settings, group, {(topic, p): (0, "") for p in range(partitions)})
    return topic


def send(settings: Settings, topic: str, count: int, *, partition: int = 0, first: int = 0) -> None:
    """Write `count` numbered messages and wait for them."""
    producer = Producer(idempotent_producer_config(settings, "test"))
    for number in range(first, first + count):
        producer.produce(topic, str(number).encode(), partition=partition)
        producer.poll(0)
    assert producer.flush(30) == 0


def committed(settings: Settings, group: str, topic: str, partition: int = 0) -> int:
    """The group's committed offset, asked with a client of its own."""
    from infra.broker.admin import group_offsets

    found = group_offsets(settings, group, topic, partition + 1)[partition]
    return -1 if found is None else found[0]


@dataclass(kw_only=True)
class Recorder:
    """A handler that notes everything. `on_handle` and `on_open` act at their place, e.g. raise or block."""

    starts: dict[Key, int] = field(default_factory=dict)
    seen: list[tuple[str, int, int, bytes | None]] = field(default_factory=list)
    calls: list[tuple[str, object]] = field(default_factory=list)
    rounds: list[int] = field(default_factory=list)
    on_handle: Callable[[Round], None] | None = None
    on_open: Callable[[Key], None] | None = None
    committer: Committer | None = None
    patience: Patience | None = None

    def open(self, partition: Key) -> int:
        if self.on_open is not None:
            self.on_open(partition)
        self.calls.append(("open", partition))
        return self.starts.get(partition, 0)

    def handle(self, messages: Round) -> None:
        if self.on_handle is not None:
            self.on_handle(messages)
        for records in messages.values():
            self.seen.extend((r.topic, r.partition, r.offset, r.value) for r in records)
        self.rounds.append(sum(len(records) for records in messages.values()))

    def at_end(self, ends: Mapping[Key, int]) -> None:
        self.calls.append(("at_end", dict(ends)))

    def idle(self) -> None:
        pass

    def settle(self) -> None:
        self.calls.append(("settle", None))

    def close(self, partition: Key) -> None:
        self.calls.append(("close", partition))

    def finish(self) -> None:
        self.calls.append(("finish", None))

    def values(self, partition: int | None = None) -> list[int]:
        return [int(value or b"-1") for _, p, _, value in list(self.seen) if partition is None or p == partition]


class RunningShell:
    """A shell in a thread of its own; leave the `with` block to stop it. `error` is what it raised."""

    def __init__(
        self, settings: Settings, group: str, topics: list[str], recorder: Recorder, **options: object
    ) -> None:
        self.recorder, self.stop, self.error = recorder, threading.Event(), None
        self.shell = Shell(settings, group, topics, self._make, options=ShellOptions(**options), stop=self.stop)  # type: ignore[arg-type]
        self.thread = threading.Thread(target=self._run)

    def _make(self, committer: Committer, patience: Patience) -> Recorder:
        self.recorder.committer, self.recorder.patience = committer, patience
        return self.recorder

    def _run(self) -> None:
        try:
            self.shell.run()
        except BaseException as error:
            self.error = error

    def __enter__(self) -> "RunningShell":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(60)
        assert not self.thread.is_alive(), "the shell did not stop"


def written_lines(path: Path) -> list[str]:
    """The lines of `path` that are whole: a write reaches the file page by page, for readers as for a kill."""
    return path.read_text().split("\n")[:-1] if path.exists() else []


def _writing_recorder(path: Path, committer: Committer, patience: Patience) -> Recorder:
    """A handler that writes each offset to a file, its checkpoint, and commits after each round."""
    starts: dict[Key, int] = {}
    lines = written_lines(path)
    for topic, partition, offset in map(json.loads, lines):
        starts[topic, partition] = offset + 1
    output = path.open("a", buffering=1)
    output.truncate(sum(len(line) + 1 for line in lines))

    class Writer(Recorder):
        def handle(self, messages: Round) -> None:
            for key, records in messages.items():
                for record in records:
                    output.write(json.dumps([key[0], key[1], record.offset]) + "\n")
                committer.commit({key: records[-1].offset + 1})

    return Writer(starts=starts, committer=committer, patience=patience)


def main() -> int:
    """`python -m tests.support.shell_service GROUP TOPIC OUTPUT`: a process that writes what it handles."""
    from consumers.service import run_service

    group, topic, output = sys.argv[1:4]
    options = ShellOptions(**json.loads(os.environ.get("SHELL_OPTIONS", "{}")))
    return run_service(
        "recorder", 0, load_settings(),
        lambda context: Shell(
            context.settings, group, [topic],
            lambda committer, patience: _writing_recorder(Path(output), committer, patience),
            options=options, stop=context.stop,
        ).run(),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())


__all__ = ["Recorder", "RunningShell", "TopicPartition", "committed", "make_topic", "send", "written_lines"]
