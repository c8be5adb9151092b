"""One chain per partition: the writer that links derived messages, and the reader's fence."""

from schemas.link import Link, Position


class ChainGap(Exception):
    """A link's predecessor is not the last position taken: messages are missing or were reordered."""

    def __init__(self, fence: Position | None, link: Link) -> None:
        super().__init__(
            f"chain is broken: last position taken is {fence}, but the message at {link.position} follows "
            f"{link.previous}; restart from the committed offset, and repair the partition if it happens again"
        )
        self.fence = fence
        self.link = link


class Chain:
    """Writer's end: hands out the links of what each source message yielded. ``last`` is None before the first."""

    __slots__ = ("last",)

    def __init__(self, last: Position | None = None) -> None:
        self.last = last

    def links(self, offset: int, parts: int) -> list[Link]:
        """Return the links of ``parts`` ≥ 0 messages yielded by the source message at ``offset``, in order."""
        links = []
        for part in range(parts):
            position = (offset, part)
            links.append(Link(position=position, last_part=parts - 1, previous=self.last))
            self.last = position
        return links


class Fence:
    """Reader's end: takes each message of a chain once, in order. ``position`` is the last one taken."""

    __slots__ = ("position",)

    def __init__(self, position: Position | None = None) -> None:
        self.position = position

    def take(self, link: Link) -> bool:
        """Return True and move on if ``link`` is next, False if it was taken before; raises ``ChainGap`` else."""
        if self.position is not None and link.position <= self.position:
            return False
        if link.previous != self.position:
            raise ChainGap(self.position, link)
        self.position = link.position
        return True
