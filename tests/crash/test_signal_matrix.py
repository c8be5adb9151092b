"""The crash matrix: after each disturbance `signals` holds exactly the signals of the pure flow, each once, numbered
without a gap; predictions likewise; and all tables agree with the topics.

One pipeline lives through all rows, a slice of bars each. `make test` runs the quick rows, `make slow` the slow ones,
`make crash` all.
"""

import os
from collections.abc import Iterator

import pytest

from infra.stack import Endpoints
from tests.support import isolation
from tests.support.disturbances import (
    Disturbance,
    aborted_upstream,
    duplicated,
    killed_at,
    killed_at_a_moment,
    nothing,
    nothing_on_the_way_in,
    rebalanced,
    server_killed,
    server_restarted,
    zombie,
)
from tests.support.matrix_world import SMALL, MatrixWorld
from tests.support.providers import TestStack
from tests.support.verified import check_verified

MOMENTS = int(os.environ.get("SIGNALTAPE_MATRIX_MOMENTS", "5"))

QUICK: dict[str, Disturbance] = {
    "nothing happens": nothing,
    "features.3_published": killed_at("features", "3_published"),
    "inference.3_produced": killed_at("inference", "3_produced"),
    "store.3_stored": killed_at("store", "3_stored"),
    "ingest.3_published": killed_at("ingest", "3_published", 1),
}
SLOW: dict[str, Disturbance] = {
    "nothing happens on the way in": nothing_on_the_way_in,
    "postgres killed": server_killed("postgres"),
    "aborted transactions upstream": aborted_upstream,
    "duplicates injected": duplicated,
}
LONG: dict[str, Disturbance] = {
    "drift.4_stored": killed_at("drift", "4_stored", 1),
    "inference.5_committed": killed_at("inference", "5_committed"),
    "features.6_snapshot": killed_at("features", "6_snapshot"),
    "features.1_decoded": killed_at("features", "1_decoded"),
    "features.2_stepped": killed_at("features", "2_stepped"),
    "features.4_stored": killed_at("features", "4_stored"),
    "features.5_online": killed_at("features", "5_online"),
    "features.6_committed": killed_at("features", "6_committed"),
    "inference.1_taken": killed_at("inference", "1_taken"),
    "inference.2_scored": killed_at("inference", "2_scored"),
    "inference.4_offsets": killed_at("inference", "4_offsets"),
    "store.1_read": killed_at("store", "1_read", 1),
    "store.2_decoded": killed_at("store", "2_decoded", 1),
    "store.4_shown": killed_at("store", "4_shown", 1),
    "store.5_committed": killed_at("store", "5_committed", 1),
    "drift.3_stepped": killed_at("drift", "3_stepped", 1),
    "ingest.1_taken": killed_at("ingest", "1_taken", 1),
    "ingest.5_acknowledged": killed_at("ingest", "5_acknowledged", 1),
    "ingest.6_committed": killed_at("ingest", "6_committed", 1),
    "kafka killed": server_killed("kafka"),
    "kafka restarted": server_restarted("kafka"),
    "postgres restarted": server_restarted("postgres"),
    "redis killed": server_killed("redis"),
    "a second feature agent in mid-slice": rebalanced("features"),
    "a second inference consumer in mid-slice": rebalanced("inference"),
    "a second store in mid-slice": rebalanced("store"),
    "a feature agent comes back from the dead": zombie("features", "3_published"),
    "an inference consumer comes back from the dead": zombie("inference", "4_offsets"),
    "a store comes back from the dead": zombie("store", "2_decoded", 1),
}
for number in range(MOMENTS):
    (SLOW if number else QUICK)[f"moment {number}"] = killed_at_a_moment(number)
MARKS = ((QUICK, ()), (SLOW, pytest.mark.slow), (LONG, pytest.mark.matrix))
#: Slices that a row takes at the most.
_SLICES = 5


def rows() -> list[object]:
    """Every row of the matrix, as a parameter."""
    return [pytest.param(one, id=name, marks=marks) for row, marks in MARKS for name, one in row.items()]


class Series:
    """One pipeline for row after row; after a row that failed, a new one."""

    def __init__(self, endpoints: Endpoints, factory: pytest.TempPathFactory) -> None:
        self._endpoints, self._factory = endpoints, factory
        self._world: MatrixWorld | None = None

    def world(self) -> MatrixWorld:
        if self._world is None:
            name, folder = isolation.unique_name(), self._factory.mktemp("matrix")
            dsn = isolation.create_database(self._endpoints, name)
            settings = isolation.isolated_settings(self._endpoints, folder / "home", dsn, f"{name}.", **SMALL)
            self._world = MatrixWorld(settings, folder, slices=_SLICES * len(rows()))
            self._world.publish()
            self._world.settle()
        return self._world

    def drop(self) -> None:
        if self._world is not None:
            self._world.close()
            isolation.drop_topics(self._world.settings)
            self._world = None


@pytest.fixture(scope="module")
def series(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Series]:
    made = Series(endpoints, tmp_path_factory)
    yield made
    made.drop()


@pytest.mark.parametrize("disturbance", rows())
def test_signals_come_once(series: Series, stack: TestStack, disturbance: Disturbance) -> None:
    world = series.world()
    before = len(world.expected.signals)
    try:
        disturbance(world, stack)
        world.settle()
        assert len(world.expected.signals) > before
        assert not (faults := world.check()), faults
    except BaseException:
        series.drop()
        raise


def test_what_the_series_left_is_verified(series: Series) -> None:
    """After every row, through every death and rebalance: the log taken again gives all of it."""
    check_verified(series.world().settings, starts=(False,), rows=None)
