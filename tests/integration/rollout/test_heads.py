"""How far the log has come: committed bars, those on their way, and no time to read them."""

import time
from dataclasses import replace

import numpy as np
import pytest

from consumers.inference.commit_metadata import CommitMetadata
from consumers.inference.heads import log_heads
from infra.broker.errors import ReadingLate
from infra.settings import Settings
from pipeline.routing.partition import Standing
from schemas.bars import BarBatch
from schemas.intervals import SECOND
from schemas.partitioning import partition_of
from signaltape.client.control import new_event
from signaltape.initialisation import initialise
from signaltape.rollout import RolloutBusy, activation
from signaltape.rollout.activation import _timed
from tests.support.feature_runs import write_log

#: A minute's close, ns UTC.
T0 = 1_700_145_000 * SECOND
MINUTE = 60 * SECOND


def batch(symbol: str, close: int, price: float = 100.0) -> BarBatch:
    one = np.array([price])
    return BarBatch(
        feed="f", source="f", interval="1m", event_time=close, available_time=close, revision=0, symbols=(symbol,),
        open=one, high=one, low=one, close=one, volume=np.array([1.0]), volume_valid=np.array([True]),
    )  # fmt: skip


@pytest.fixture
def place(settings: Settings) -> Settings:
    initialise(settings)
    return settings


def test_bars_on_their_way_count_unless_they_can_make_nothing(place: Settings) -> None:
    symbol = "A"
    own = partition_of(symbol, place.topics.partitions)
    other = (own + 1) % place.topics.partitions
    write_log(
        place,
        [
            (own, batch(symbol, T0 + MINUTE)),
            (own, batch(symbol, T0 + 9 * MINUTE, price=-1.0)),
            (other, batch(symbol, T0 + 8 * MINUTE)),
            (own, b"no message"),
        ],
    )
    standing = {number: CommitMetadata(standing=Standing(head=T0)) for number in (own, other)}
    assert log_heads(place, standing, until=time.monotonic() + 30) == {own: T0 + MINUTE, other: T0}
    with pytest.raises(ReadingLate, match=r"partitions .* could not be read to their end in time"):
        log_heads(place, standing, until=time.monotonic())


def test_without_time_to_look_a_pause_is_written_and_a_swap_is_not(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activation, "_LOOK_S", 30.0)
    write_log(place, [(partition_of("A", place.topics.partitions), batch("A", T0))])
    pause = new_event("pause", reason="test")
    assert _timed(place, pause, time.monotonic() + 30).effective_from == T0 + 1
    assert _timed(place, pause, time.monotonic()) == pause, "nothing is committed: from the first bar on"
    swap = replace(pause, action="activate", strategy="s", model="m", model_version=1)
    with pytest.raises(RolloutBusy, match="nothing was written"):
        _timed(place, swap, time.monotonic())
