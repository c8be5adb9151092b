"""Bars of two sets, model calls and signals on two partitions, as rounds of the feature agent and of the store."""

from dataclasses import replace

import numpy as np

from infra.warehouse import Connection
from infra.warehouse.checkpoints import take_epoch
from infra.warehouse.feature_rounds import PartitionRound, register_writer
from infra.warehouse.store_rounds import StoreRound
from infra.warehouse.stored_digests import DigestSpan
from pipeline.features import FEATURE_SETS
from pipeline.numerics import fingerprint
from schemas.features import FeatureBatch
from schemas.intervals import MINUTE
from schemas.predictions import PredictionBatch
from schemas.signals import Signal
from tests.support.plain_digests import PlainTally
from tests.support.rounds import START, TOPIC, feature_batch, link
from tests.support.store_messages import prediction_batch, signal

CORE, MINIMAL = FEATURE_SETS["core"], FEATURE_SETS["minimal"]
SUBJECTS = (f"core:{CORE.version}", f"minimal:{MINIMAL.version}")
NAMES = tuple(f"S{number}" for number in range(6))
BARS = 4
SPAN = DigestSpan(first=START, last=START + BARS * MINUTE)
PREDICTED, SENT = "predictions.v1", "signals.v1"


def vectors(bar: int, partition: int, offset: int, **changes: object) -> list[FeatureBatch]:
    """Batches of both sets of one bar; the first symbol's last value is masked, and there are zeros of both signs."""
    rng = np.random.default_rng(bar)
    names = NAMES[partition::2]
    made: list[FeatureBatch] = []
    for part, chosen in enumerate((CORE, MINIMAL)):
        n, width = len(names), len(chosen.names)
        valid = np.ones((n, width), dtype=bool)
        valid[0, -1] = False
        values = rng.standard_normal((n, width))
        values[:, 0] = (0.0, -0.0, 1.0)[:n]
        fields: dict[str, object] = {
            "link": link(offset, part, 1), "feature_set": chosen.name, "set_version": chosen.version,
            "set_hash": chosen.hash, "width": width, "valid": valid, "values": np.where(valid, values, 0.0),
            "close": rng.lognormal(size=n), "available_time": np.full(n, START + bar * MINUTE + 1_500),
        }  # fmt: skip
        made.append(feature_batch(START + bar * MINUTE, offset, names, **fields | changes))
    return made


def feature_round(partition: int, bars: range, *, epoch: int = 1, generation: int = 1) -> PartitionRound:
    found = [batch for bar in bars for batch in vectors(bar, partition, bar)]
    return PartitionRound(
        partition=partition, epoch=epoch, generation=generation, next_offset=bars.stop, features=found
    )  # fmt: skip


def calls(bar: int, partition: int) -> list[PredictionBatch]:
    names = NAMES[partition::2]
    live = prediction_batch(bar, names, partition=partition, numerics="0f", experiment="e")
    return [live, replace(live, model="trees", role="shadow", score=live.score + 1e-3, numerics=None, experiment=None)]


def sent(bar: int, partition: int) -> list[Signal]:
    return [signal(bar, partition=partition, symbol=name) for name in NAMES[partition::2]]


def store_round(topic: str, partition: int, bars: range, *, first: int = 0) -> StoreRound:
    """The messages of some bars from offset ``first`` on; bar times are those of `feature_round`."""
    messages = calls if topic == PREDICTED else sent
    found = list(enumerate((one for bar in bars for one in messages(bar, partition)), first))
    own = {"predictions": found} if topic == PREDICTED else {"signals": found}
    return StoreRound(topic=topic, partition=partition, epoch=1, next_offset=first + len(found), **own)


def take_all(database: Connection) -> None:
    for partition in (0, 1):
        taken = take_epoch(database, "features", TOPIC, partition)
        register_writer(database, taken, "build", fingerprint())
        for topic in (PREDICTED, SENT):
            take_epoch(database, "store", topic, partition)


def expected() -> PlainTally:
    tally = PlainTally()
    for partition in (0, 1):
        for bar in range(BARS):
            for batch in vectors(bar, partition, bar):
                tally.features(batch)
            for call in calls(bar, partition):
                tally.predictions(call)
            for one in sent(bar, partition):
                tally.signal(one)
    return tally
