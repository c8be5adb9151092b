"""Two of Kafka's requests about open transactions that librdkafka doesn't have, over a plain connection.

Layouts: Kafka's protocol guide, ``DescribeProducers`` version 0 and ``WriteTxnMarkers`` version 1. Both are of the
flexible kind: lengths are unsigned varints of length + 1, and every structure ends with its tagged fields (none here).
"""

import itertools
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

_DESCRIBE_PRODUCERS = (61, 0)
_WRITE_TXN_MARKERS = (27, 1)
_TIMEOUT_S = 10.0
_NO_TAGS = b"\0"

#: Topic → partitions.
Partitions = Mapping[str, Sequence[int]]


class WireError(Exception):
    """The broker answered by an error; ``code`` is Kafka's number for it."""

    def __init__(self, place: str, code: int) -> None:
        super().__init__(f"{place}: Kafka's error {code}")
        self.code = code


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenTransaction:
    """A producer's transaction that has no marker in a partition yet; ``start`` is its first offset there."""

    topic: str
    partition: int
    producer: int
    epoch: int
    coordinator_epoch: int
    start: int


class Wire:
    """One connection to one broker. Raises ``OSError`` where it fails, ``WireError`` for an error in an answer."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), _TIMEOUT_S)
        self._numbers = itertools.count(1)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def open_transactions(self, places: Partitions) -> list[OpenTransaction]:
        """Return the open transactions on partitions that this broker leads."""
        answer = self._ask(_DESCRIBE_PRODUCERS, _topics(places))
        answer.take(">i")  # throttled for
        found: list[OpenTransaction] = []
        for _ in range(answer.length()):
            topic = answer.text()
            for _ in range(answer.length()):
                partition, error = answer.take(">ih")
                answer.text()
                if error:
                    raise WireError(f"{topic}[{partition}]", error)
                for _ in range(answer.length()):
                    producer, epoch, _, _, coordinator, start = answer.take(">qiiqiq")
                    answer.tags()
                    if start >= 0:
                        found.append(
                            OpenTransaction(
                                topic=topic, partition=partition, producer=producer, epoch=epoch,
                                coordinator_epoch=coordinator, start=start,
                            )
                        )  # fmt: skip
                answer.tags()
            answer.tags()
        return found

    def write_marker(self, transaction: OpenTransaction, *, commit: bool) -> None:
        """End a transaction in its partition, as its coordinator would."""
        one, places = transaction, {transaction.topic: [transaction.partition]}
        marker = struct.pack(">qh?", one.producer, one.epoch, commit) + _topics(places)
        # A producer's first transaction in a partition shows no coordinator epoch yet.
        marker += struct.pack(">i", max(one.coordinator_epoch, 0)) + _NO_TAGS
        answer = self._ask(_WRITE_TXN_MARKERS, _varint(2) + marker)
        for _ in range(answer.length()):
            answer.take(">q")
            for _ in range(answer.length()):
                topic = answer.text()
                for _ in range(answer.length()):
                    partition, error = answer.take(">ih")
                    answer.tags()
                    if error:
                        raise WireError(f"{topic}[{partition}]", error)
                answer.tags()
            answer.tags()

    def _ask(self, kind: tuple[int, int], body: bytes) -> "_Answer":
        client = b"signaltape-wire"
        header = struct.pack(">hhih", *kind, next(self._numbers), len(client)) + client + _NO_TAGS
        request = header + body + _NO_TAGS
        self._socket.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", self._receive(4))
        answer = _Answer(self._receive(size))
        answer.take(">i")  # the request's number
        answer.tags()
        return answer

    def _receive(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            piece = self._socket.recv(size - len(data))
            if not piece:
                raise ConnectionError("the broker closed the connection")
            data += piece
        return bytes(data)


class _Answer:
    """A cursor over an answer's bytes."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from(layout, self._data, self._at)
        self._at += struct.calcsize(layout)
        return values

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = int(self.take("B")[0])
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def length(self) -> int:
        return max(self.varint() - 1, 0)

    def text(self) -> str:
        size = self.length()
        self._at += size
        return self._data[self._at - size : self._at].decode()

    def tags(self) -> None:
        for _ in range(self.varint()):
            self.varint()
            self._at += self.varint()


def _topics(places: Partitions) -> bytes:
    data = _varint(len(places) + 1)
    for topic, partitions in places.items():
        name = topic.encode()
        data += _varint(len(name) + 1) + name + _varint(len(partitions) + 1)
        data += struct.pack(f">{len(partitions)}i", *partitions) + _NO_TAGS
    return data


def _varint(value: int) -> bytes:
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)
