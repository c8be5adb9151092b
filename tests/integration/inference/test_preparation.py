"""An instance that is asked to load a model: it lives while it loads, and whatever loading raises."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from consumers.inference.models import LoadedModels
from consumers.inference.preparation import Preparation
from infra.scoring.manifest import ModelManifest
from infra.scoring.scorer import Scorer
from infra.settings import Settings
from infra.warehouse import Connection, connect, migrate, serving
from infra.warehouse.serving import Identity, ServingInstance
from pipeline.deployments import ModelRef
from signaltape.rollout import PreparationFailed, prepare
from tests.support.waiting import wait_for


class Loads:
    """A registry whose every load is ``call``."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def load(self, name: str, version: int) -> tuple[ModelManifest, Scorer]:
        self._call()
        raise MemoryError("what the machine has is not enough")


@pytest.fixture
def place(settings: Settings) -> Settings:
    migrate(settings)
    return settings


@contextmanager
def instance(settings: Settings, call: Callable[[], None] = lambda: None) -> Iterator[None]:
    subject = Preparation(settings, 0, LoadedModels(Loads(call), settings.inference), lambda: [0])
    subject.start()
    try:
        wait_for(lambda: beats(settings), 30, "the instance to appear")
        yield
    finally:
        subject.close()


def beats(settings: Settings) -> object:
    """When the instance was last seen, None where there is none."""
    with connect(settings) as connection:
        row = connection.execute("SELECT seen_at FROM serving_instances WHERE instance = 0").fetchone()
    return row and row[0]


def test_an_instance_that_loads_goes_on_saying_that_it_lives(place: Settings) -> None:
    begun, end = threading.Event(), threading.Event()

    def call() -> None:
        begun.set()
        end.wait(120)

    with instance(place, call), connect(place) as connection:
        serving.ask(connection, place.topics.prefix, ("m", 1), 120.0)
        try:
            assert begun.wait(30)
            seen = {beats(place)}

            def beat_twice() -> bool:
                seen.add(beats(place))
                return len(seen) > 2

            wait_for(beat_twice, 30, "two beats while it loads")
        finally:
            end.set()
    wait_for(lambda: beats(place) is None, 30, "the instance to leave")


def test_whatever_loading_raises_is_the_answer_and_the_instance_lives(place: Settings) -> None:
    with instance(place):
        for number in (1, 2):
            with pytest.raises(PreparationFailed, match=rf"instance 0 .*m:{number} can't be loaded: MemoryError: what"):
                prepare(place, ModelRef(name="m", version=number), deadline_s=60.0)


@pytest.mark.parametrize("others", [False, True])
def test_one_that_lived_when_asked_and_fell_silent_has_failed(
    place: Settings, monkeypatch: pytest.MonkeyPatch, *, others: bool
) -> None:
    """Seen alive once, and silent from then on; what another instance answers doesn't change that."""
    looked = serving.instances

    def instances(connection: Connection, prefix: str) -> list[ServingInstance]:
        found = looked(connection, prefix)
        connection.execute("UPDATE serving_instances SET seen_at = seen_at - interval '1 hour' WHERE instance = 1")
        return found

    with connect(place) as connection:
        for number in (1, 2):
            who = Identity(prefix=place.topics.prefix, instance=number, incarnation=f"i{number}")
            serving.appear(connection, who, "h", number)
        # However late it is asked, it lives then; one that was silent before is not asked.
        connection.execute("UPDATE serving_instances SET seen_at = seen_at + interval '1 minute' WHERE instance = 1")
        connection.execute("UPDATE serving_instances SET seen_at = seen_at - interval '9 s' WHERE instance = 2")
    monkeypatch.setattr(serving, "instances", instances)
    expected = r"inference instance 1 \(pid 1 on h\) fell silent before it answered"
    if others:
        with instance(place), pytest.raises(PreparationFailed, match=expected) as failed:
            prepare(place, ModelRef(name="m", version=1), deadline_s=60.0)
    else:
        with pytest.raises(PreparationFailed, match=expected) as failed:
            prepare(place, ModelRef(name="m", version=1), deadline_s=60.0, allow_none=True)
    assert "instance 2" not in str(failed.value)
