"""What digests a database holds, and where they and the rows differ."""

from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_nanoseconds
from infra.warehouse.stored_digests import DigestSpan, pieces, recorded_digests
from pipeline.digests.digest import Digest
from pipeline.digests.tally import DigestKey
from signaltape.verification.rebuilding import DigestDifference, compare_with_rows


def span_of_all(connection: Connection) -> DigestSpan:
    """From the first to the last bar time that is stored."""
    row = connection.execute(
        "SELECT min(event_time), max(event_time) FROM (SELECT event_time FROM bars UNION ALL"
        " SELECT event_time FROM digests) AS stored"
    ).fetchone()
    assert row is not None
    return DigestSpan(first=to_nanoseconds(row[0]), last=to_nanoseconds(row[1]))


def digests_and_differences(connection: Connection) -> tuple[dict[DigestKey, Digest], list[DigestDifference]]:
    """All digests over partitions, and every bar time at which they and the rows differ."""
    span = span_of_all(connection)
    kept: dict[DigestKey, Digest] = {}
    for piece in pieces(connection, span):
        found = recorded_digests(connection, piece)
        assert all(not one.rebuilt for one in found.values())
        kept |= {key: one.digest for key, one in found.items()}
    return kept, list(compare_with_rows(connection, span))
