"""A round of the feature agent: its rows and its offsets, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.settings import Settings
from infra.warehouse.bulk import Rows
from infra.warehouse.checkpoints import Checkpoint, revision_of
from infra.warehouse.connection import Connection
from infra.warehouse.digest_rows import DigestPart, RoundPlace, digest_rows
from infra.warehouse.errors import WarehouseError
from infra.warehouse.feature_rows import bar_rows, feature_rows, log_event_rows
from infra.warehouse.moments import to_moment
from infra.warehouse.queries import queries
from infra.warehouse.return_rows import return_rows
from infra.warehouse.round_writer import Place, RoundReport, RoundWriter, Work
from pipeline.digests.tally import Tally
from pipeline.engine_types import RepairNeed, StoredRows
from pipeline.features import FeatureSet
from pipeline.numerics import own_fingerprint
from schemas.bars import BarBatch
from schemas.features import FeatureBatch, ReturnBatch

SERVICE = "features"


@dataclass(frozen=True, kw_only=True, eq=False)
class PartitionRound:
    """What the messages of one partition up to `next_offset` (exclusive) left to be stored.

    bars: (batch, offset, rows to keep). log_events: (offset, type, event_time, payload) of every other message.
    repairs: (offset, need). epoch and generation are those of the checkpoint taken at assignment.
    """

    partition: int
    epoch: int
    generation: int
    next_offset: int
    bars: Sequence[tuple[BarBatch, int, StoredRows]] = ()
    log_events: Sequence[tuple[int, str, int, bytes]] = ()
    features: Sequence[FeatureBatch] = ()
    returns: Sequence[ReturnBatch] = ()
    repairs: Sequence[tuple[int, RepairNeed]] = ()


class FeatureRoundWriter:
    """Writes rounds of the feature agent; not for several threads at once."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._writer = RoundWriter(settings, SERVICE)
        self._topic = topic

    def write(self, rounds: Sequence[PartitionRound], rows: tuple[Rows, ...] | None = None) -> RoundReport:
        """Write the rounds of different partitions in one transaction; see `RoundWriter.write`.

        `rows`: what `rows_of` gives for all of them, if it was made before.
        Raises StaleEpoch (stop at once), and WarehouseUnavailable if the server was lost: call again with the same
        rounds.
        """

        def work_for(moved: frozenset[Place]) -> Work:
            fresh = [one for one in rounds if (self._topic, one.partition) in moved]
            ready = rows if rows is not None and len(fresh) == len(rounds) else rows_of(fresh)
            return Work(rows=ready, finish=lambda connection: _request_repairs(connection, fresh))

        places = {self._topic: [(one.partition, one.epoch, one.next_offset) for one in rounds]}
        return self._writer.write(places, work_for)

    def close(self) -> None:
        """Close the connection; the next write opens another."""
        self._writer.close()


def rows_of(rounds: Sequence[PartitionRound]) -> tuple[Rows, ...]:
    """Everything that the rounds add to tables, ready to be sent."""
    bars = [(batch, offset, kept, one) for one in rounds for batch, offset, kept in one.bars]
    features = [(batch, one) for one in rounds for batch in one.features if batch.symbols]
    events = [(event, one) for one in rounds for event in one.log_events]
    returns = [(batch, one) for one in rounds for batch in one.returns]
    return (
        bar_rows([(batch, offset, kept, one.partition, one.generation) for batch, offset, kept, one in bars]),
        log_event_rows([(event, one.partition, one.generation) for event, one in events]),
        feature_rows([(batch, one.partition, one.generation) for batch, one in features]),
        return_rows([(batch, one.partition, one.generation) for batch, one in returns]),
        digest_rows([_digests(one) for one in rounds]),
    )


def _digests(one: PartitionRound) -> DigestPart:
    """Digests of all feature rows of a round: in one generation of a log no row is there before its round."""
    tally = Tally()
    tally.features(*one.features)
    place = RoundPlace(
        partition=one.partition, generation=one.generation, next_offset=one.next_offset, numerics=own_fingerprint()
    )
    return place, tally


def register_feature_sets(connection: Connection, sets: Sequence[FeatureSet]) -> None:
    """Write down what each set means; raises WarehouseError if a version is known with other features."""
    named = queries("features")
    for one in sets:
        values = (one.name, one.version, one.hash, list(one.names))
        connection.execute(named["register set"], values)
        known = connection.execute(named["set hash"], (one.name, one.version)).fetchone()
        if known is not None and known[0] != one.hash:
            raise WarehouseError(
                f"feature set {one.name} version {one.version} is stored with other definitions ({known[0][:12]}, here "
                f"{one.hash[:12]}): raise the set's version"
            )


def register_writer(connection: Connection, taken: Checkpoint, producer_version: str, numerics: str) -> None:
    """Note which build writes a partition's rows from the checkpoint on, if it is another one than before.

    ``numerics``: fingerprint of its arithmetic; the same build on another machine is another writer.
    """
    values = {
        "service": taken.service,
        "topic": taken.topic,
        "partition": taken.partition,
        "epoch": taken.epoch,
        "first_revision": revision_of(taken.generation, taken.effect_offset),
        "producer": f"signaltape-{taken.service}",
        "producer_version": producer_version,
        "numerics": numerics,
        "run_id": f"{taken.service}/{taken.partition}/{taken.epoch}",
    }
    connection.execute(queries("features")["register writer"], values)


def _request_repairs(connection: Connection, rounds: Sequence[PartitionRound]) -> None:
    wanted = [
        (one.generation, one.partition, offset, need.symbol, need.interval, to_moment(need.event_time), need.reason)
        for one in rounds
        for offset, need in one.repairs
    ]
    if wanted:
        with connection.cursor() as cursor:
            cursor.executemany(queries("features")["request repair"], wanted)
