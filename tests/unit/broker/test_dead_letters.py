"""What the log says of dead letters."""

from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from infra.broker import dead_letters
from infra.broker.dead_letters import DeadLetters
from infra.broker.publisher import Publisher
from infra.broker.reading import Record
from schemas.topics import TopicNames

NAMES = TopicNames("")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Sent:
    """Takes what is published."""

    def send(self, *_: Any, **__: Any) -> None:
        """Keep nothing."""


@pytest.fixture
def letters() -> DeadLetters:
    return DeadLetters(cast("Publisher", Sent()), NAMES, "test")


def record(offset: int, *headers: tuple[str, bytes | None]) -> Record:
    return Record(NAMES.bars, 1, offset, 0, None, b"x", headers)


def test_a_line_names_address_reason_and_trace(letters: DeadLetters) -> None:
    with capture_logs() as lines:
        letters.put(record(7, ("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01".encode())), "undecodable", "no bar")
        letters.put(record(8), "undecodable", "x" * 10_000)
    place = {"event": "dead letter", "log_level": "warning", "topic": NAMES.bars, "partition": 1, "code": "undecodable"}
    assert lines == [
        {**place, "offset": 7, "detail": "no bar", "trace_id": TRACE},
        {**place, "offset": 8, "detail": "x" * 500},
    ]


def test_a_flood_leaves_some_lines_a_second_and_says_how_many_are_missing(
    letters: DeadLetters, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 5.0
    monkeypatch.setattr(dead_letters.time, "monotonic", lambda: now)
    with capture_logs() as lines:
        for offset in range(1_000):
            letters.put(record(offset), "undecodable", "no bar")
        now = 6.0
        for offset in range(1_000, 1_002):
            letters.put(record(offset), "undecodable", "no bar")
    assert [line["offset"] for line in lines] == [*range(10), 1_000, 1_001]
    assert [line.get("unlogged_before") for line in lines[-2:]] == [990, None]
