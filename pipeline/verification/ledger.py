"""Three accounts of the same rows: what the log gives now, what the agents added up then, what is stored.

Digests are sums, so an account may come in any order and in parts: what a bar time lacks may still come.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pipeline.digests.digest import Digest
from pipeline.digests.tally import CORRECTIONS, DigestKey

#: Digests of bars have no account of the agents: the bars themselves are the record. See ``bar_digest``.
BARS = "bars"
_NONE = Digest()

RECORD_CHANGED = "the stored rows were changed after they were written: digest and recomputation agree"
SOURCE_CHANGED = (
    "the stored rows are as they were written, their digest agrees: what they follow from is not as it was then "
    "(bars, events of the log, a model or its terms, the code)"
)
DIGEST_CHANGED = "the digest was changed after it was written: stored rows and recomputation agree"
ALL_DIFFER = "stored rows, digest and recomputation all differ"
NO_DIGEST = "no digest was kept that could tell which of both was changed"
NEITHER = "neither rows nor a digest are there: deleted together, or the store has not caught up yet"
CORRECTIONS_APART = "digest and stored rows of a correction disagree: one of them was changed after it was written"
UNWRITTEN = "no agent wrote these rows: of this bar time digests were kept, but none of them"
PLACE_CHANGED = "the place of the bar in the log, or how it was taken, is not what it was then"


@dataclass(slots=True)
class Entry:
    """Digests of one key: ``computed`` from the log, ``live`` as the agents kept it, ``stored`` of the rows."""

    computed: Digest = _NONE
    live: Digest = _NONE
    stored: Digest = _NONE

    @property
    def has_live(self) -> bool:
        """False if the agents kept nothing: an older release, or it was deleted."""
        return self.live.count > 0

    @property
    def record_is_whole(self) -> bool:
        """True if the stored rows are those that the agents wrote, as far as is known."""
        return not self.has_live or self.stored == self.live

    @property
    def agrees(self) -> bool:
        """True if all accounts that there are say the same."""
        return self.computed == self.stored and self.record_is_whole

    def blame(self, stage: str) -> str:
        """Say which of the three isn't like the others."""
        if stage == BARS:
            return PLACE_CHANGED
        if stage == CORRECTIONS:
            return CORRECTIONS_APART
        if self.computed == self.stored:
            return DIGEST_CHANGED
        if not self.has_live:
            return NO_DIGEST if self.stored.count else NEITHER
        if self.computed == self.live:
            return RECORD_CHANGED
        return SOURCE_CHANGED if self.stored == self.live else ALL_DIFFER


@dataclass(kw_only=True, slots=True)
class Ledger:
    """Entries that don't agree (yet). Those that do are struck out by ``settle`` and counted only."""

    entries: dict[DigestKey, Entry] = field(default_factory=dict)

    def computed(self, digests: Iterable[tuple[DigestKey, Digest]]) -> None:
        """Add what follows from the log."""
        for key, digest in digests:
            entry = self._entry(key)
            entry.computed = entry.computed + digest

    def live(self, digests: Iterable[tuple[DigestKey, Digest]]) -> None:
        """Add what the agents kept."""
        for key, digest in digests:
            entry = self._entry(key)
            entry.live = entry.live + digest

    def stored(self, digests: Iterable[tuple[DigestKey, Digest]]) -> None:
        """Add what the stored rows give."""
        for key, digest in digests:
            entry = self._entry(key)
            entry.stored = entry.stored + digest

    def settle(self, before: int) -> Iterator[tuple[DigestKey, Entry]]:
        """Strike out and yield the entries of bar times before ``before`` (ns UTC) whose accounts agree."""
        done = [key for key, entry in self.entries.items() if key.event_time < before and entry.agrees]
        for key in done:
            yield key, self.entries.pop(key)

    def open(self, before: int) -> list[tuple[DigestKey, Entry]]:
        """Return the entries of bar times before ``before`` that don't agree, in the order of the log."""
        found = [(key, entry) for key, entry in self.entries.items() if key.event_time < before]
        return sorted(found, key=lambda one: in_order(one[0]))

    def _entry(self, key: DigestKey) -> Entry:
        return self.entries.setdefault(key, Entry())


#: Stages in the order in which one follows from another.
ORDER = (BARS, "features", "corrections", "predictions", "signals")


def in_order(key: DigestKey) -> tuple[int, int, str, str]:
    """Sort key: event time, then stage, interval and subject."""
    return key.event_time, ORDER.index(key.stage), key.interval, key.subject


def bar_digest(counts: Iterable[int], offsets: int = 0) -> Digest:
    """Return a digest of bars: how many have each status, or the sum of the offsets that rows were made from.

    Bars are read from the store by both sides, so this is no protection of their contents: it compares how the log
    treats them now (``counts`` by status), and where the rows made of them say that they lay (``offsets``).
    """
    counts = tuple(counts)
    return Digest.of_lanes(sum(counts), sum(count << 20 * place for place, count in enumerate(counts)), offsets)
