"""Swaps under continuous load, through rebalances and deaths: one prediction for each vector, by the right model."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.broker.reading import read_topic
from infra.stack import Endpoints
from pipeline.deployments import ModelRef
from schemas.bars import BarBatch
from schemas.codec import decode
from schemas.control import ControlEvent
from schemas.features import FeatureBatch
from schemas.intervals import SECOND
from schemas.predictions import PredictionBatch
from signaltape.rollout import Activation, activate
from tests.support import isolation
from tests.support.content import check_sequence
from tests.support.feature_log import (
    PATIENT,
    FeatureLog,
    committed_offsets,
    expected_content,
    published_content,
    register_model,
    wait_taken,
)
from tests.support.services import ServiceProcess, running
from tests.support.serving_stand import T0, ServingStand, serving_stand
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

#: ``make crash`` makes it fifty.
SWAPS = int(os.environ.get("SIGNALTAPE_SWAPS", "10"))
#: Time between two bars, and how many bars ahead of the newest one a swap is set: seconds, for a loaded machine.
PACE_S, LEAD = 0.04, 120


@dataclass
class Load:
    """Bars from a thread; none beyond ``limit`` (their number) while a swap at that bar is under way."""

    limit: int | None = None


@contextmanager
def under_load(stand: ServingStand) -> Iterator[Load]:
    """Publish a bar every ``PACE_S`` seconds from a thread while the block runs."""
    end, failed, load = threading.Event(), [], Load()

    def publish() -> None:
        try:
            while not end.wait(PACE_S):
                if load.limit is None or stand.at < load.limit:
                    stand.bar()
        except Exception as error:  # shown by the assertion below
            failed.append(error)

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield load
    finally:
        end.set()
        thread.join()
    assert not failed


def in_force(stand: ServingStand) -> dict[tuple[int, int], int]:
    """(partition, close) → version, from the log of bars alone: the last event by (its time there, its number)."""
    heads = dict.fromkeys(stand.symbols, 0)
    events: dict[int, list[tuple[int, int, int]]] = {number: [] for number in stand.symbols}
    found = {}
    for record in read_topic(stand.settings, stand.names.bars):
        message, number = decode(record.value or b""), record.partition
        if isinstance(message, ControlEvent):
            at = max(message.effective_from, heads[number] + 1 if heads[number] else 0)
            events[number].append((at, message.control_offset, message.model_version))
        elif isinstance(message, BarBatch):
            heads[number] = max(heads[number], message.event_time)
            acting = [event for event in events[number] if event[0] <= message.event_time]
            found[number, message.event_time] = max(acting)[2]
    return found


def check_one_prediction_for_each_vector(stand: ServingStand) -> int:
    """Every warm vector has exactly one live prediction, by the version in force; returns how many batches."""
    wanted: Counter[tuple[int, int, int, str]] = Counter()
    versions = in_force(stand)
    for record in read_topic(stand.settings, stand.names.features):
        message = decode(record.value or b"")
        if isinstance(message, FeatureBatch):
            place = record.partition, message.event_time
            wanted.update((*place, versions[place], symbol) for symbol in message.symbols)
    found: Counter[tuple[int, int, int, str]] = Counter()
    for record in read_topic(stand.settings, stand.names.predictions):
        message = decode(record.value or b"")
        if isinstance(message, PredictionBatch):
            assert message.role == "live"
            assert set(message.status.tolist()) <= {0}
            found.update(
                (record.partition, message.event_time, message.model_version, symbol) for symbol in message.symbols
            )
    assert wanted == found
    return len({key[:2] for key in wanted})


def swap_ahead(stand: ServingStand, load: Load, ref: ModelRef) -> Activation:
    """A swap at a bar still to come: on a machine that takes longer for it than bars to get there, they wait."""
    number = stand.at + LEAD
    load.limit = number - 1
    try:
        return activate(
            stand.settings, action="activate", strategy="a", ref=ref, effective_from=T0 + number * SECOND,
            reason="again", deadline_s=60.0,
        )  # fmt: skip
    finally:
        load.limit = None


@pytest.mark.long
def test_swaps_lose_nothing(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Instance 1 joins at one swap, is killed between another's event and its bar (nobody owns its partitions when
    that bar closes), and instance 0 is killed and started again at a third.
    """
    services = (("ingest", 0), ("features", 0), ("inference", 0))
    done: list[Activation] = []
    with serving_stand(endpoints, tmp_path_factory.mktemp("swaps"), services) as stand:
        models = [stand.register(number) for number in (1, 2, 3)]
        done.append(activate(stand.settings, action="activate", strategy="a", ref=models[0], reason="first"))
        stand.open()
        with under_load(stand) as load:
            for number in range(1, SWAPS + 1):
                ref = models[number % len(models)]
                done.append(swap_ahead(stand, load, ref))
                if number == SWAPS // 5:
                    stand.start(("inference", 1))
                elif number == SWAPS * 2 // 5:
                    stand.services["inference", 1].kill()
                elif number == SWAPS * 3 // 5:
                    stand.services["inference", 0].kill()
                    stand.start(("inference", 0))
            last = done[-1].event.effective_from
            wait_for(lambda: T0 + (stand.at - 5) * SECOND > last, 60, "the last swap's bar")
        wait_taken(stand.settings, 90)
        assert not [one for one in done if one.late]
        for one in done[1:]:
            assert set(one.effective.values()) == {one.event.effective_from}
        batches = check_one_prediction_for_each_vector(stand)
        check_sequence(stand.settings)
        swapped = {(one.partition, one.version) for one in stand.predicted()}
        assert len(swapped) == len(models) * len(stand.symbols)
        print(f"{SWAPS} swaps over {batches} batches")


STEPS = ("2_scored", "4_offsets", "5_committed")


@pytest.mark.crash
@pytest.mark.matrix
def test_killed_in_the_round_of_the_event_and_in_that_of_its_bar(
    endpoints: Endpoints, database_dsn: str, tmp_path: Path
) -> None:
    """At three steps of both: one swap for each step, set two bars ahead; a round is one message."""
    name = isolation.unique_name()
    settings = isolation.isolated_settings(
        endpoints, tmp_path / "home", database_dsn, f"{name}.", topics={"prefix": f"{name}.", "partitions": 1},
        inference=PATIENT.model_copy(update={"round_messages": 1}).model_dump(),
    )  # fmt: skip
    log = FeatureLog(settings)
    for number in (1, 2):
        register_model(settings, tmp_path / str(number), weights={"logret_1": 0.3 * number, "volume_z_20": 1e-4})
    log.control("activate", strategy="a", model="linear", model_version=1)
    at, live, versions, places = 0, 1, [], []

    def bar() -> None:
        nonlocal at
        at += 1
        log.bar(at)
        versions.append((T0 + at * SECOND, live))

    for step in STEPS:
        bar()
        swap_at = T0 + (at + 2) * SECOND
        log.control("activate", strategy="a", model="linear", model_version=3 - live, effective_from=swap_at)
        places.append((step, len(log.written[0]) - 1))
        bar()
        live = 3 - live
        bar()
        places.append((step, len(log.written[0]) - 1))
    log.flush()
    taken = 0
    for step, index in places:
        offset = log.written[0][index].offset
        point = f"inference.{step}:{offset - taken + 1}"
        dying = ServiceProcess(settings, "inference", SIGNALTAPE_CRASH_AT=point)
        assert dying.wait_exit(60) == -signal.SIGKILL, dying.tail()
        taken = committed_offsets(settings)[0]
        assert taken == offset + (step == "5_committed")
    with running(settings, "inference"):
        wait_taken(settings)
    assert published_content(settings) == expected_content(log)
    predicted = [decode(record.value or b"") for record in read_topic(settings, log.names.predictions)]
    found = [(one.event_time, one.model_version) for one in predicted if isinstance(one, PredictionBatch)]
    assert found == versions
