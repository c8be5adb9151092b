"""Splits of a simulated account: units times the factor, prices by it; what is held is worth the same."""

from collections.abc import Iterable

from pipeline.trading.book import ENTERED, LAST, LEFT, MARK, TARGET, UNITS, Book
from pipeline.trading.quotes import Quotes
from schemas.bars import Adjustment


class PendingSplits:
    """Splits that wait for their symbol's first bar past the effective time."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[int, float]] = {}

    def receive(self, splits: Iterable[Adjustment], book: Book) -> tuple[str, ...]:
        """Take splits; returns the symbols, sorted, whose split is late: a bar past its effective time was traded."""
        late = []
        for split in splits:
            place = book.places.get(split.symbol)
            if place is not None and int(book.marks[LAST, place]) > split.effective_time:
                late.append(split.symbol)
            else:
                self._waiting.setdefault(split.symbol, {}).setdefault(split.effective_time, split.factor)
        return tuple(sorted(late))

    def apply(self, book: Book, quotes: Quotes, event_time: int) -> None:
        """Rescale the symbols of ``quotes`` whose splits took effect before ``event_time``, in order of time.

        Call before the quotes value anything, so that no profit crosses a split.
        """
        if not self._waiting:
            return
        quoted = set(quotes.places.tolist())
        for symbol in sorted(self._waiting):
            place = book.places.get(symbol)
            if place not in quoted:
                continue
            waiting = self._waiting[symbol]
            for effective_time in sorted(at for at in waiting if at < event_time):
                factor = waiting.pop(effective_time)
                for row in (UNITS, TARGET, ENTERED, LEFT):
                    book.values[row, place] *= factor
                book.values[MARK, place] /= factor
            if not waiting:
                del self._waiting[symbol]
