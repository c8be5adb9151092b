"""Corrections: what was asked for, what the repair job says it wrote, and what is there."""

from infra.warehouse.connection import Connection
from infra.warehouse.queries import queries
from signaltape.reconciliation.tally import Key, Line, compare_counts


def lines(connection: Connection) -> list[Line]:
    """Lines of their own for corrections; none where nothing was ever corrected."""
    named = queries("reconcile")
    row = connection.execute(named["repair requests"]).fetchone()
    asked, done, failed = (0, 0, 0) if row is None else row
    recorded = connection.execute(named["recorded corrections"]).fetchall()
    found = []
    for place, table in ((2, "features"), (3, "returns")):
        wanted: dict[Key, int] = {(one[0], one[1]): int(one[place]) for one in recorded}
        stored: dict[Key, int] = {
            (interval, symbol): count for interval, symbol, count in connection.execute(named[f"corrected {table}"])
        }
        detail = compare_counts(wanted, stored, ("repair requests", "table"))
        stage = f"corrections of the repair job → {table}"
        found.append(Line(stage=stage, in_=sum(wanted.values()), out=sum(stored.values()), detail=detail))
    if not asked and all(not one.out for one in found):
        return []
    waiting = asked - done - failed
    detail = f"{waiting} await the repair job: is `signaltape run store` up?" if waiting else ""
    requests = Line(stage="repair requests → worked off", in_=asked, out=done, dead_lettered=failed, detail=detail)
    return [requests, *found]


def closed_form(bars: int, late: int, back: int, seen: int) -> int:
    """Rows that ``bars`` bars in order give where the first ``back`` give none.

    Late bars that a repair brought into state before the symbol had ``back`` bars shorten that: with them, every
    number up to the form over all bars is right, and ``seen`` stands if it is one of those.
    """
    least, most = max(0, bars - back), min(bars, max(0, bars + late - back))
    return min(max(seen, least), most)
