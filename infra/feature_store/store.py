"""The feature store: features of any entities as they were known at any times, and never later."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any

import numpy as np

from infra.feature_store.catalog import Catalog, select
from infra.feature_store.errors import InvalidRequest
from infra.feature_store.finality import OpenTransactions, open_transactions
from infra.feature_store.frame import KNOWLEDGE, FeatureFrame, Knowledge
from infra.feature_store.pairs import Moment, Pairs, nanoseconds
from infra.feature_store.reading import Answer
from infra.feature_store.statement import Question
from infra.feature_store.writing import Provenance, checked, store
from infra.settings import Settings
from infra.warehouse.connection import Connection, Warehouse

READER = "signaltape-feature-reader"


class FeatureStore:
    """Reads features point in time, and keeps those of others. Connects at the first use; not for several threads.

    ``feature_set`` and ``interval`` say which of the engine's vectors are meant; features with rows of their own
    (computed elsewhere, or JSON) are found by name beside them and have no interval.

    Reads raise InvalidRequest and UnknownFeature before anything is read, WarehouseUnavailable if the database is
    away.
    """

    def __init__(self, settings: Settings, *, feature_set: str = "core", interval: str = "1m") -> None:
        self._warehouse = Warehouse(settings, READER)
        self._feature_set = feature_set
        self._interval = interval

    def get_point_in_time(
        self,
        pairs: Pairs | Iterable[tuple[str, Moment]],
        features: Sequence[str] | None = None,
        feature_version: int = 1,
        *,
        knowledge: Knowledge = "ingested",
        max_age: timedelta | None = None,
    ) -> FeatureFrame:
        """The newest values that were known at each pair's as-of time: one row per pair, in the order asked.

        A value is known at T if its bar had closed, it was available, and (``knowledge="ingested"``) it was stored by
        T; each bound includes T itself. Of the rows known, the latest event counts, at its highest revision. With
        ``knowledge="available"`` the time of storing does not matter: for research on history that was filled in
        later. What is older than ``max_age`` at T counts as not known. ``features=None`` means all of the set.
        """
        asked = pairs if isinstance(pairs, Pairs) else Pairs.of(pairs)
        if knowledge not in KNOWLEDGE:
            raise InvalidRequest(f"knowledge is {knowledge!r}; it can be {' or '.join(KNOWLEDGE)}")
        before = self._warehouse.run(lambda connection: open_transactions(connection, READER))
        return self._read(asked, (features, feature_version, knowledge, max_age), before)

    def get_latest(
        self,
        entities: Sequence[str],
        features: Sequence[str] | None = None,
        as_of: Moment | None = None,
        *,
        feature_version: int = 1,
        knowledge: Knowledge = "ingested",
        max_age: timedelta | None = None,
    ) -> FeatureFrame:
        """The newest values of each entity, in the order asked; ``as_of=None`` means now, by the database's clock.

        Both clocks filter in either case: a value that becomes available tomorrow isn't there.
        """
        before = self._warehouse.run(lambda connection: open_transactions(connection, READER))
        moment = before.clock if as_of is None else nanoseconds(as_of)
        asked = Pairs.product(entities, np.array([moment], dtype=np.int64))
        return self._read(asked, (features, feature_version, knowledge, max_age), before)

    def write_features(
        self,
        feature: str,
        entities: Sequence[str],
        event_times: Sequence[Moment],
        values: Sequence[Any],
        *,
        feature_version: int = 1,
        availability_lag: timedelta = timedelta(0),
        producer: str,
        producer_version: str = "",
        run_id: str = "-",
    ) -> int:
        """Store values of a feature that is computed elsewhere; return how many rows were inserted.

        Three columns of one length; ``values`` are all numbers, or all JSON documents. A value is available
        ``availability_lag`` after its event. The same values again insert nothing; another value for the same entity
        and event is kept beside the first, as a correction that was not available before it came. Raises
        InvalidRequest, with nothing written, for NaN, names, times or types that can't be kept.
        """
        provenance = Provenance(producer=producer, producer_version=producer_version, run_id=run_id)
        columns = (entities, event_times, values)
        ready = checked(feature, columns, feature_version, availability_lag, provenance)
        return self._warehouse.run(lambda connection: store(connection, ready))

    def close(self) -> None:
        """Close the connection; the next read opens another."""
        self._warehouse.close()

    def __enter__(self) -> "FeatureStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(
        self,
        pairs: Pairs,
        wanted: tuple[Sequence[str] | None, int, Knowledge, timedelta | None],
        before: OpenTransactions,
    ) -> FeatureFrame:
        features, version, knowledge, max_age = wanted

        def work(connection: Connection) -> FeatureFrame:
            # One snapshot for all statements, taken after the open transactions were looked at: what had ended by
            # then is seen.
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            chosen = select(Catalog.read(connection), features, self._feature_set, version, self._interval)
            limit = None if max_age is None else _span(max_age)
            answer = Answer(Question(pairs=pairs, chosen=chosen, knowledge=knowledge, max_age=limit))
            answer.read(connection)
            return answer.frame(final=knowledge == "ingested" and before.is_final(int(pairs.as_of.max())))

        return self._warehouse.run(work)


def _span(max_age: timedelta) -> int:
    if max_age < timedelta(0):
        raise InvalidRequest(f"max_age must not be negative, got {max_age}")
    return max_age // timedelta(microseconds=1) * 1000
