"""Runs the point-in-time statement, and puts what comes back where it was asked for."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from infra.feature_store.fixed_rows import read_rows
from infra.feature_store.frame import FeatureFrame
from infra.feature_store.pairs import Chains
from infra.feature_store.statement import Question, Source, documents, doubles, statement, vectors
from infra.warehouse.connection import Connection
from infra.warehouse.copy_format import POSTGRES_EPOCH_US
from infra.warehouse.moments import to_nanoseconds
from infra.warehouse.queries import queries
from schemas.fields import BoolArray, F8Array, I8Array

_INTEGERS = 5  # place, number, event_time, available_time, revision


class Answer:
    """The frame under construction: rows by distinct pair, columns by feature, times by source."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._chains = Chains.of(question.pairs)
        chosen = question.chosen
        rows, columns = self._chains.as_of.shape[0], len(chosen.features)
        self._values = np.zeros((rows, columns))
        self._valid = np.zeros((rows, columns), dtype=bool)
        self._documents: dict[str, np.ndarray[Any, np.dtype[np.object_]]] = {
            name: np.full(rows, None, dtype=object) for name in chosen.documents
        }
        sources = bool(chosen.vector) + len(chosen.doubles) + len(chosen.documents)
        self._event = np.zeros((rows, sources), dtype=np.int64)
        self._available = np.zeros((rows, sources), dtype=np.int64)
        self._revision = np.full((rows, sources), -1, dtype=np.int64)

    def read(self, connection: Connection) -> None:
        """Run one statement for each kind of source that is asked for, in the caller's transaction."""
        chosen = self._question.chosen
        connection.execute(queries("point_in_time")["plain plans"])
        if chosen.vector:
            self._read_vectors(connection)
        if chosen.doubles:
            self._read_doubles(connection)
        if chosen.documents:
            self._read_documents(connection)

    def frame(self, *, final: bool) -> FeatureFrame:
        """The answer, in the order asked."""
        chosen, row = self._question.chosen, self._chains.row_of
        return FeatureFrame(
            pairs=self._question.pairs,
            features=chosen.features,
            values=self._values[row],
            valid=self._valid[row],
            documents={name: tuple(found[row]) for name, found in self._documents.items()},
            source=chosen.sources,
            source_event_time=self._event[row],
            source_available_time=self._available[row],
            source_revision=self._revision[row],
            knowledge=self._question.knowledge,
            final=final,
            feature_set=chosen.feature_set,
            feature_version=chosen.version,
            interval=chosen.interval,
        )

    def _read_vectors(self, connection: Connection) -> None:
        chosen = self._question.chosen
        found, numbers = self._read(connection, vectors(chosen), len(chosen.vector))
        kept = self._place(found, np.zeros_like(found[1]))
        cells = np.ix_(found[0][kept] - 1, chosen.vector_columns)
        valid = ~np.isnan(numbers[kept])
        self._valid[cells] = valid
        self._values[cells] = np.where(valid, numbers[kept], 0.0)

    def _read_doubles(self, connection: Connection) -> None:
        chosen = self._question.chosen
        found, numbers = self._read(connection, doubles(chosen), 1)
        kept = self._place(found, found[1] - 1 + bool(chosen.vector))
        columns = np.array([chosen.features.index(name) for name in chosen.doubles])[found[1][kept] - 1]
        self._values[found[0][kept] - 1, columns] = numbers[kept, 0]
        self._valid[found[0][kept] - 1, columns] = True

    def _read_documents(self, connection: Connection) -> None:
        chosen, source = self._question.chosen, documents(self._question.chosen)
        query, bound = statement(connection, self._question, self._chains, source)
        rows = connection.execute(query, bound).fetchall()
        found = _integer_columns(rows)
        kept = self._place(found, found[1] - 1 + bool(chosen.vector) + len(chosen.doubles))
        for at in np.flatnonzero(kept):
            name, place = chosen.documents[found[1][at] - 1], found[0][at] - 1
            self._documents[name][place] = rows[at][5]
            self._valid[place, chosen.features.index(name)] = True

    def _read(self, connection: Connection, source: Source, floats: int) -> tuple[list[I8Array], F8Array]:
        query, bound = statement(connection, self._question, self._chains, source)
        (place, number, event, available, revision), numbers = read_rows(
            connection, query, bound, integers=_INTEGERS, floats=floats
        )
        times = [(one + POSTGRES_EPOCH_US) * 1000 for one in (event, available)]
        return [place, number, *times, revision], numbers

    def _place(self, found: Sequence[I8Array], sources: I8Array) -> BoolArray:
        """Note times and revisions of the rows within the staleness limit; which rows these are."""
        place, event = found[0] - 1, found[2]
        age, limit = self._chains.as_of[place] - event, self._question.max_age
        kept = np.ones(age.shape, dtype=bool) if limit is None else age <= limit
        cells = place[kept], sources[kept]
        self._event[cells], self._available[cells], self._revision[cells] = (one[kept] for one in found[2:])
        return kept


def _integer_columns(rows: Sequence[tuple[Any, ...]]) -> list[I8Array]:
    columns = zip(*rows, strict=True) if rows else [()] * (_INTEGERS + 1)
    place, number, event, available, revision, _ = columns
    times = [[to_nanoseconds(one) for one in times] for times in (event, available)]
    return [np.array(one, dtype=np.int64) for one in (place, number, *times, revision)]
