"""The chain that orders everything derived from one partition of bars (one chain over all sets and intervals)."""

from dataclasses import dataclass

#: A place in the derived log: offset of the source message in ``bars``, and part number within what it yielded.
Position = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """Place of one message in its partition's chain.

    A reader whose fence is ``previous`` takes the message and moves the fence to ``position``; it drops what is at
    or below its fence and stops on anything else. ``previous`` is None in a chain's first message only.
    """

    position: Position
    last_part: int
    previous: Position | None

    @property
    def closes_source(self) -> bool:
        """True on the last part of what one source message yielded."""
        return self.position[1] == self.last_part
