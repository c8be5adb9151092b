"""Whether what was known at a time can still change: a transaction that is open may add rows from its beginning on."""

from dataclasses import dataclass

from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_nanoseconds
from infra.warehouse.queries import queries
from schemas.intervals import SECOND

#: A transaction is shown a moment after the beginning that its rows will carry.
_MARGIN = SECOND


@dataclass(frozen=True, kw_only=True)
class OpenTransactions:
    """What was open at a moment. clock: the database's, ns UTC. oldest: beginning of the oldest one, None if none.

    hidden: others may be open whose times this user may not see (grant it `pg_read_all_stats`).
    """

    clock: int
    oldest: int | None
    hidden: bool

    def is_final(self, as_of: int) -> bool:
        """True if no row that is stored from now on can have been known at ``as_of`` (ns UTC)."""
        if self.hidden or as_of > self.clock - _MARGIN:
            return False
        return self.oldest is None or as_of // 1000 * 1000 < self.oldest


def open_transactions(connection: Connection, reader: str) -> OpenTransactions:
    """Look at the other transactions of this database; those of `reader` (an application name) only read."""
    row = connection.execute(queries("point_in_time")["open transactions"], {"reader": reader}).fetchone()
    assert row is not None
    clock, oldest, hidden = row
    return OpenTransactions(
        clock=to_nanoseconds(clock), oldest=None if oldest is None else to_nanoseconds(oldest), hidden=hidden
    )
