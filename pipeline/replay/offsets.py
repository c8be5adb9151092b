"""From offsets of the original log to those of its replay."""

from bisect import bisect_right


class OffsetMap:
    """The messages of one partition that were published again, in order; the replay counts them from ``first``.

    Kept as runs without a hole on either side, so that it grows with what was left out, not with the log.

    >>> offsets = OffsetMap()
    >>> [offsets.add(original) for original in (7, 8, 11)]
    [0, 1, 2]
    >>> [offsets.at_or_before(original) for original in (6, 7, 9, 11, 50)]
    [-1, 0, 1, 2, 2]
    """

    def __init__(self, first: int = 0) -> None:
        self._first = first
        self._next = first
        self._last = -1
        self._originals: list[int] = []
        self._places: list[int] = []

    def add(self, original: int) -> int:
        """Note that the message at ``original`` comes next; return its offset in the replay.

        Raises ``ValueError`` for one that doesn't lie behind the last one.
        """
        if original <= self._last:
            raise ValueError(f"offset {original} comes after {self._last}: a partition has one order")
        if not self._originals or original != self._last + 1:
            self._originals.append(original)
            self._places.append(self._next)
        self._last = original
        self._next += 1
        return self._next - 1

    def at_or_before(self, original: int) -> int:
        """Offset in the replay of the last message at or before ``original``, -1 for none.

        What the replay itself put before the first message counts as none of the log's.
        """
        run = bisect_right(self._originals, original) - 1
        if run < 0:
            return -1
        end = self._places[run + 1] if run + 1 < len(self._places) else self._next
        return min(self._places[run] + original - self._originals[run], end - 1)
