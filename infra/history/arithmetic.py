"""Whose arithmetic made the record: the same bits are promised under one fingerprint only."""

from collections.abc import Iterator, Mapping, Sequence

from infra.scoring.numerics import host_fingerprint
from infra.warehouse.connection import Connection
from infra.warehouse.verification import Lane, call_numerics, feature_numerics
from pipeline.numerics import fingerprint


def other_arithmetic(connection: Connection, lanes: Sequence[Lane], first: int, last: int) -> tuple[str, ...]:
    """Say what another arithmetic made: features of ``lanes``, scores of bars from ``first`` to ``last`` (ns UTC)."""
    recorded = {"features": feature_numerics(connection, lanes), "scores": call_numerics(connection, first, last)}
    return tuple(notes_about_arithmetic(recorded))


def notes_about_arithmetic(recorded: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """Yield which rows of the record (``features``, ``scores``) another arithmetic made than this host's.

    ``recorded``: their fingerprints, empty where unknown.
    """
    own = {"features": fingerprint(), "scores": host_fingerprint()}
    for what, found in recorded.items():
        if others := sorted(found - {"", own[what]}):
            yield (
                f"{what} were made under the arithmetic {', '.join(others)} then, this host has {own[what]}: they "
                "agree within tolerances, not bit for bit, and so may signals"
            )
