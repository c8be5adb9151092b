"""When a session day is complete: the minimum over all partitions of ``predictions`` and ``returns``."""

from collections.abc import Iterable, Mapping

from schemas.bars import Watermark
from schemas.intervals import DAY, session_of

#: One partition of one of the two topics: ("predictions" | "returns", partition).
Lane = tuple[str, int]


def lanes_of(partitions: int) -> tuple[Lane, ...]:
    """Every lane, in a fixed order."""
    return tuple((topic, number) for topic in ("predictions", "returns") for number in range(partitions))


class SessionGate:
    """Which session days each lane has *released* (nothing of them can follow), and so which may close.

    With another ``unit`` (ns, a part of a day) the same for each hour, say, numbered since the epoch as days are.

    A lane releases session S with the first watermark after which nothing at or before the end of S can follow:

    - while feeds are open, one whose ``partition_time`` is at or beyond the end of S;
    - where the last open feed ends with ``final``, also the session of the latest ``final`` (its day is over);
    - where it ends with ``timed_out``, only sessions that ended before: the feed may come back in the same session.

    What a lane has released is a function of its own log alone, and rows behind it are late (dropped and counted by
    the caller). So which rows a session consists of depends on the logs, never on how they were interleaved. A lane
    without any watermark holds everything back.
    """

    def __init__(self, lanes: Iterable[Lane], unit: int = DAY) -> None:
        self._unit = unit
        self._released: dict[Lane, int | None] = dict.fromkeys(lanes)
        self._final: dict[Lane, int] = {}

    def advance(self, lane: Lane, watermark: Watermark) -> None:
        """Take a watermark that was forwarded into ``lane``."""
        if watermark.state == "final":
            self._final[lane] = max(self._final.get(lane, watermark.event_time), watermark.event_time)
        if watermark.partition_time is not None:
            period = watermark.partition_time // self._unit - 1
        elif watermark.state == "final":
            period = (session_of(self._final[lane]) + 1) * (DAY // self._unit) - 1
        elif watermark.state == "timed_out":
            period = watermark.event_time // self._unit - 1
        else:  # of a feed that isn't open: it promises nothing
            return
        released = self._released[lane]
        if released is None or period > released:
            self._released[lane] = period

    def is_late(self, lane: Lane, event_time: int) -> bool:
        """True if ``lane`` has already released the session (or other unit) of ``event_time`` (ns UTC)."""
        released = self._released[lane]
        return released is not None and (event_time - 1) // self._unit <= released

    @property
    def closable(self) -> int | None:
        """Last session (or other unit) that every lane has released; None while one of them has released none."""
        lowest: int | None = None
        for released in self._released.values():
            if released is None:
                return None
            lowest = released if lowest is None else min(lowest, released)
        return lowest

    def snapshot(self) -> list[tuple[str, int, int | None, int | None]]:
        """State as plain values: (topic, partition, released, latest final)."""
        return [(*lane, released, self._final.get(lane)) for lane, released in self._released.items()]

    def restore(self, state: Iterable[tuple[str, int, int | None, int | None]]) -> None:
        """Take over a snapshot of a gate over the same lanes; raises ValueError for other lanes."""
        rows: Mapping[Lane, tuple[int | None, int | None]] = {(row[0], row[1]): (row[2], row[3]) for row in state}
        if rows.keys() != self._released.keys():
            raise ValueError(f"the state covers lanes {sorted(rows)}, the topics have {sorted(self._released)}")
        self._released = {lane: rows[lane][0] for lane in self._released}
        self._final = {lane: final for lane, (_, final) in rows.items() if final is not None}
