"""The prices of one bar time, in the book's order."""

from dataclasses import dataclass

import numpy as np

from pipeline.trading.book import LAST, MARK, Book
from pipeline.trading.section import Section
from schemas.fields import F8Array, I8Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Quotes:
    """Bars of n symbols at sorted ``places``; columns of shape (n,), in currency.

    ``rows`` selects the same places, as a slice where that is all of the book: no copy is made then.
    """

    places: I8Array
    rows: I8Array | slice
    open: F8Array
    close: F8Array


def quote(book: Book, section: Section) -> Quotes:
    """Bring a section's batches into the book's order, admitting new symbols.

    ValueError for a symbol that comes twice.
    """
    if not section.bars:
        nothing = np.empty(0, np.int64)
        return Quotes(places=nothing, rows=nothing, open=np.empty(0), close=np.empty(0))
    known = len(book.places)
    for batch in section.bars:
        book.admit(batch.symbols)
    if len(section.bars) == 1:
        batch = section.bars[0]
        places, first, last = book.places.find(batch.symbols), batch.open, batch.close
    else:
        places = np.concatenate([book.places.find(batch.symbols) for batch in section.bars])
        first = np.concatenate([batch.open for batch in section.bars])
        last = np.concatenate([batch.close for batch in section.bars])
    if not (places[1:] > places[:-1]).all():
        order = np.argsort(places)
        places, first, last = places[order], first[order], last[order]
        same = np.flatnonzero(places[1:] == places[:-1])
        if len(same):
            twice = book.places.symbols[places[same[0]]]
            raise ValueError(f"two bars for {twice} at {section.event_time}: give the first publication of each only")
    if len(book.places) > known:  # a symbol's value begins with its first open
        fresh = np.isnan(book.values[MARK, places])
        book.values[MARK, places[fresh]] = first[fresh]
    rows = slice(None) if len(places) == len(book.places) else places
    book.marks[LAST, rows] = section.event_time
    return Quotes(places=places, rows=rows, open=first, close=last)
