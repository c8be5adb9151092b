"""The three accounts of a stretch of time brought together, and what differs looked at row by row.

1. Digests of the recomputation, of the live agents and of the stored rows meet in the ledger, a stretch at a time.
2. What agrees is counted and forgotten. What was dropped by a retention policy is compared with its digest alone; what
   another arithmetic made is compared within tolerances.
3. What is left is kept until the end, since more of its bar time may still come, and then named value by value.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from infra.warehouse.connection import Connection
from infra.warehouse.stored_sheets import stored_sheets
from infra.warehouse.verification import Lane, bar_digests, offset_digests
from pipeline.digests.tally import CORRECTIONS, FEATURES, DigestKey
from pipeline.explanation.comparison import EXACT, SCORES, Tolerance
from pipeline.explanation.comparison import FEATURES as FEATURE_TOLERANCE
from pipeline.verification.differences import compare_sheets
from pipeline.verification.ledger import BARS, Entry, Ledger
from pipeline.verification.sheets import Sheet
from signaltape.verification.accounts import Accounts
from signaltape.verification.book import Book, Names

#: Keys that differ whose rows are kept; the others are counted, and named by their digests.
_KEPT = 200
#: So many keys that differ end the run: it is another history.
TOO_MANY = 20_000


@dataclass(kw_only=True)
class Judge:
    """Compares, from ``since`` on.

    ``exact``: stage → False where another arithmetic made the stored rows. ``older``: stage → whether rows from before
    the range are stored. ``equal`` counts rows that agree, by stage; ``near`` those of them that agree within
    tolerances only; ``undigested`` bar times without digest, ``rebuilt`` with one made from rows, ``dropped`` without
    rows, ``unproven`` without both.
    """

    connection: Connection
    lanes: Sequence[Lane]
    names: Names
    book: Book
    accounts: Accounts
    exact: Mapping[str, bool]
    older: Mapping[str, bool]
    since: int
    ledger: Ledger = field(default_factory=Ledger)
    equal: Counter[str] = field(default_factory=Counter)
    near: Counter[str] = field(default_factory=Counter)
    undigested: Counter[str] = field(default_factory=Counter)
    rebuilt: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    unproven: Counter[str] = field(default_factory=Counter)
    bar_times: int = 0
    _apart: int = 0
    _earliest: dict[str, int] = field(default_factory=dict)

    @property
    def enough(self) -> bool:
        """True if so much differs that nothing more would be learnt."""
        return self._apart > TOO_MANY

    def compare(self, before: int) -> bool:
        """Compare the bar times before ``before`` that were not compared yet; False if ``enough``."""
        if before <= self.since:
            return True
        since, self.since = self.since, before
        ledger = self.ledger
        ledger.computed(self.book.digests())
        self._read(since, before)
        for key, entry in ledger.entries.items():
            if entry.stored.count:
                stage = _stage_of_rows(key)
                self._earliest[stage] = min(self._earliest.get(stage, key.event_time), key.event_time)
        for key, entry in ledger.settle(before):
            self._count(key, entry)
        self._drop_dropped(before)
        self._settle_near(before)
        left = [key for key, _ in ledger.open(before)]
        self._apart = len(left)
        self.book.forget(before, left[:_KEPT])
        return not self.enough

    def _read(self, since: int, before: int) -> None:
        live, stored = self.accounts.read(since, before)
        self.ledger.live((key, one.digest) for key, one in live.items())
        for key, one in live.items():
            self.rebuilt[key.stage] += one.rebuilt
        self.ledger.stored(stored.items())
        # Corrections may come from beyond the range's end, so they are recomputed apart, row by row. Here their digests
        # are held against their rows alone.
        self.ledger.computed((key, one) for key, one in stored.items() if key.stage == CORRECTIONS)
        self.ledger.stored(bar_digests(self.connection, self.lanes, since, before))
        self.ledger.stored(offset_digests(self.connection, since, before))

    def open(self, before: int) -> list[tuple[DigestKey, Entry]]:
        """What does not agree, in the order of the log."""
        return self.ledger.open(before)

    def sheets(self, keys: Iterable[DigestKey]) -> dict[DigestKey, Sheet]:
        """Stored rows of these keys."""
        return stored_sheets(self.connection, keys, self.lanes, self.names)

    def tolerance(self, stage: str) -> Tolerance:
        """What a stage's floats may differ by."""
        if self.exact.get(stage, True):
            return EXACT
        return FEATURE_TOLERANCE if stage in (FEATURES, CORRECTIONS) else SCORES

    def kept_from(self, stage: str) -> int:
        """The bar time from which on rows of a stage are stored, 0 if older ones are."""
        return 0 if self.older.get(stage, True) else self._earliest.get(stage, self.since)

    def _count(self, key: DigestKey, entry: Entry) -> None:
        if key.stage == BARS:
            self.bar_times += not key.subject
            return
        self.equal[key.stage] += entry.computed.count * (key.stage != CORRECTIONS)
        if entry.computed.count and not entry.has_live:
            self.undigested[key.stage] += 1

    def _drop_dropped(self, before: int) -> None:
        """Older than every row of its stage: a retention policy has dropped the rows, their digest may be there."""
        for key, entry in self.ledger.open(before):
            stage = _stage_of_rows(key)
            if entry.stored.count or key.event_time >= self.kept_from(stage):
                continue
            if key.stage in (BARS, CORRECTIONS):
                self.ledger.entries.pop(key)
            elif not entry.has_live:
                self.unproven[stage] += 1
                self.ledger.entries.pop(key)
            elif entry.live == entry.computed:
                self.dropped[stage] += 1
                self.equal[stage] += entry.live.count
                self.ledger.entries.pop(key)

    def _settle_near(self, before: int) -> None:
        """Where another arithmetic made the rows, floats may differ by what is tolerated of their stage."""
        doubtful = [
            key
            for key, entry in self.ledger.open(before)
            if not self.exact.get(key.stage, True) and entry.record_is_whole and entry.stored.count
        ]
        stored = self.sheets(doubtful) if doubtful else {}
        for key in doubtful:
            computed = self.book.sheet(key)
            if computed is None or key not in stored:
                continue
            if not compare_sheets(key, stored[key], computed, self.tolerance(key.stage)):
                entry = self.ledger.entries.pop(key)
                self._count(key, entry)
                self.near[key.stage] += entry.computed.count


def _stage_of_rows(key: DigestKey) -> str:
    """The stage whose rows tell of a key: where bars lie, feature rows say; corrections are feature rows."""
    return FEATURES if key.stage == CORRECTIONS or (key.stage == BARS and key.subject) else key.stage
