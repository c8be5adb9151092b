"""Pairs of an entity and an as-of time: what a point-in-time read is asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from infra.feature_store.errors import InvalidRequest
from schemas.fields import I8Array
from schemas.names import is_name

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: What `timestamptz` and a query parameter of microseconds can both hold: the years 1678 to 2261.
_LIMIT = 2**63 - 1

#: A moment: int64 nanoseconds UTC, or a datetime with a zone.
Moment = int | datetime


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """(entity, as-of) pairs in the order asked, duplicates and ragged ones included.

    ``entities``: the distinct names; ``codes``: int64 (n,), place of each pair's entity there; ``as_of``: int64 (n,),
    ns UTC.
    """

    entities: tuple[str, ...]
    codes: I8Array
    as_of: I8Array

    def __post_init__(self) -> None:
        if not self.entities or not self.codes.shape[0]:
            raise InvalidRequest("no entities: name at least one entity and one as-of time")
        if self.codes.shape != self.as_of.shape or self.codes.ndim != 1:
            raise InvalidRequest(f"{self.codes.shape} entities and {self.as_of.shape} as-of times do not pair up")
        for name in self.entities:
            if not is_name(name):
                raise InvalidRequest(f"{name!r} is no name of an entity")

    def __len__(self) -> int:
        return int(self.codes.shape[0])

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, Moment]]) -> "Pairs":
        """Any pairs, one by one; InvalidRequest for none at all, or a time without a zone."""
        names, times = [], []
        for entity, as_of in pairs:
            names.append(entity)
            times.append(nanoseconds(as_of))
        return cls.columns(names, np.array(times, dtype=np.int64))

    @classmethod
    def columns(cls, entities: Sequence[str], as_of: npt.ArrayLike) -> "Pairs":
        """Pairs from two columns of one length; ``as_of`` is int64 ns UTC, or a sequence of aware datetimes."""
        place: dict[str, int] = {}
        codes = [place.setdefault(entity, len(place)) for entity in entities]
        return cls(entities=tuple(place), codes=np.array(codes, dtype=np.int64), as_of=_times(as_of))

    @classmethod
    def product(cls, entities: Sequence[str], times: npt.ArrayLike) -> "Pairs":
        """Every entity at every time, entity by entity."""
        moments = _times(times)
        names = tuple(dict.fromkeys(_names(entities)))
        place = {name: at for at, name in enumerate(names)}
        codes = np.repeat(np.array([place[name] for name in entities], dtype=np.int64), moments.shape[0])
        return cls(entities=names, codes=codes, as_of=np.tile(moments, len(entities)))

    @classmethod
    def grid(cls, entities: Sequence[str], start: Moment, end: Moment, every: timedelta) -> "Pairs":
        """Every entity at ``start``, ``start + every``, … up to and including ``end``."""
        first, last, step = nanoseconds(start), nanoseconds(end), every // _MICROSECOND * 1000
        if last < first:
            raise InvalidRequest(f"the range is reversed: it ends at {text(last)}, before its start at {text(first)}")
        if step <= 0:
            raise InvalidRequest(f"the step between as-of times must be positive, got {every}")
        return cls.product(entities, np.arange(first, last + 1, step, dtype=np.int64))


@dataclass(frozen=True, kw_only=True, eq=False)
class Chains:
    """The distinct pairs, entity by entity and each entity's newest as-of first.

    ``entities`` (m,) names; ``first`` and ``last`` int64 (m,): places, from 1, of each entity's pairs in ``as_of``
    (int64, ns UTC). ``row_of`` int64 (n,): where each pair asked for stands there, from 0.
    """

    entities: list[str]
    first: I8Array
    last: I8Array
    as_of: I8Array
    row_of: I8Array

    @classmethod
    def of(cls, pairs: Pairs) -> "Chains":
        """Sort the pairs and take doubles out."""
        order = np.lexsort((-pairs.as_of, pairs.codes))
        codes, times = pairs.codes[order], pairs.as_of[order]
        fresh = np.ones(len(pairs), dtype=bool)
        fresh[1:] = (codes[1:] != codes[:-1]) | (times[1:] != times[:-1])
        row_of = np.empty(len(pairs), dtype=np.int64)
        row_of[order] = np.cumsum(fresh) - 1
        codes, times = codes[fresh], times[fresh]
        begins = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
        return cls(
            entities=[pairs.entities[code] for code in codes[begins]],
            first=begins + 1,
            last=np.r_[begins[1:], codes.shape[0]],
            as_of=times,
            row_of=row_of,
        )


def nanoseconds(moment: Any) -> int:
    """A moment in ns UTC; InvalidRequest for a datetime without a zone or anything that is no moment."""
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise InvalidRequest(f"the time {moment.isoformat()} has no zone: add one, for example +00:00")
        return (moment - _EPOCH) // _MICROSECOND * 1000
    if isinstance(moment, int | np.integer) and not isinstance(moment, bool):
        if not -_LIMIT <= moment <= _LIMIT:
            raise InvalidRequest(f"{moment} is beyond what nanoseconds since 1970 can say in 64 bits")
        return int(moment)
    raise InvalidRequest(f"{moment!r} is no time: give nanoseconds UTC as an integer, or a datetime with a zone")


def text(moment: int) -> str:
    """A time in ns UTC for people, to the microsecond."""
    return (_EPOCH + timedelta(microseconds=moment // 1000)).isoformat()


def _times(values: npt.ArrayLike) -> I8Array:
    array = np.asarray(values)
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind == "O" or array.size == 0:
        return np.array([nanoseconds(one) for one in array.ravel()], dtype=np.int64)
    raise InvalidRequest(f"as-of times must be int64 ns UTC or datetimes with a zone, got dtype {array.dtype}")


def _names(entities: Sequence[str]) -> Sequence[str]:
    if isinstance(entities, str):
        raise InvalidRequest(f"entities must be a list of names, got the one text {entities!r}")
    return entities
