"""Digests of rounds as bulk rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from infra.warehouse.bulk import Rows
from infra.warehouse.copy_format import INT4, INT8, Column, Number, Text, times
from pipeline.digests.digest import Digest
from pipeline.digests.tally import DigestKey, Tally

#: Where a digest comes from: the agent's own transaction, or rows that were read later.
LIVE, FROM_ROWS = "live", "rows"


@dataclass(frozen=True, kw_only=True, slots=True)
class RoundPlace:
    """Which round digests belong to: the log's partition and generation, the round's end, and the arithmetic."""

    partition: int
    generation: int
    next_offset: int
    numerics: str = ""


#: What one round, or one part of it, adds.
DigestPart = tuple[RoundPlace, Tally]


def digest_rows(parts: Iterable[DigestPart], origin: str = LIVE) -> Rows:
    """Rows of `digests`: one for each key of each part."""
    found: list[tuple[RoundPlace, DigestKey, Digest]] = [(place, *one) for place, tally in parts for one in tally]
    if not found:
        return Rows.of("digests", (), ())
    places, keys, digests = zip(*found, strict=True)

    def number(values: Sequence[int], kind: np.dtype[np.void] = INT8) -> Number:
        return Number(values=np.array(values, dtype=np.int64), kind=kind)

    group: dict[str, Column] = {
        **{name: Text.of([getattr(key, name) for key in keys]) for name in ("stage", "subject", "interval")},
        "event_time": times(np.array([key.event_time for key in keys], dtype=np.int64)),
        "partition": number([place.partition for place in places], INT4),
        "origin": Text.of([origin] * len(found)),
        "generation": number([place.generation for place in places]),
        "next_offset": number([place.next_offset for place in places]),
        "numerics": Text.of([place.numerics for place in places]),
        "row_count": number([digest.count for digest in digests]),
        "first_lane": number([digest.lanes[0] for digest in digests]),
        "second_lane": number([digest.lanes[1] for digest in digests]),
    }
    return Rows.of("digests", [group], [len(found)])
