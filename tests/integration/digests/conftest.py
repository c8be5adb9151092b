"""A database with digests, without a broker."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from infra.settings import Settings
from infra.warehouse import Connection, connect, migrate
from infra.warehouse.checkpoints import ensure_rows
from infra.warehouse.feature_rounds import FeatureRoundWriter, register_feature_sets
from infra.warehouse.store_rounds import StoreRoundWriter
from tests.support.digest_world import BARS, CORE, MINIMAL, PREDICTED, SENT, feature_round, store_round, take_all
from tests.support.rounds import TOPIC


@pytest.fixture
def database(settings: Settings) -> Iterator[Connection]:
    migrate(settings)
    with connect(settings) as connection:
        ensure_rows(connection, "features", TOPIC, "topic-id", range(2))
        for topic in (PREDICTED, SENT):
            ensure_rows(connection, "store", topic, "topic-id", range(2))
        register_feature_sets(connection, [CORE, MINIMAL])
        yield connection


@pytest.fixture
def filled(settings: Settings, database: Connection) -> Connection:
    """Four bars on two partitions, written in rounds that cut the messages of a bar."""
    take_all(database)
    features, store = FeatureRoundWriter(settings, TOPIC), StoreRoundWriter(settings)
    features.write([feature_round(0, range(3)), feature_round(1, range(1))])
    features.write([feature_round(0, range(3, BARS)), feature_round(1, range(1, BARS))])
    for topic in (PREDICTED, SENT):
        for partition in (0, 1):
            whole = store_round(topic, partition, range(BARS))
            for cut, end in ((slice(0, 5), 5), (slice(5, None), whole.next_offset)):
                messages = {"predictions": whole.predictions[cut], "signals": whole.signals[cut]}
                store.write([replace(whole, next_offset=end, **messages)])
    features.close()
    store.close()
    return database
