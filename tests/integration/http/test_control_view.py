"""What is in force now, read from the record of the inference consumer and from what is on its way to it."""

from collections.abc import Iterator

import pytest

from consumers.inference.commit_metadata import CommitMetadata
from consumers.inference.errors import CommitRefused
from infra.broker.admin import set_group_offsets
from infra.settings import Settings
from pipeline.deployments import ModelRef
from pipeline.routing.partition import Standing
from schemas.intervals import MINUTE
from schemas.topics import TopicNames
from signaltape.client import Control
from signaltape.initialisation import initialise
from signaltape.serving.control_view import ControlView
from tests.support.providers import TestStack
from tests.support.waiting import wait_for

HEAD = 1_700_000_040 * 10**9
ONE, TWO = ModelRef(name="ridge", version=1), ModelRef(name="ridge", version=2)


@pytest.fixture
def place(settings: Settings) -> Settings:
    initialise(settings)
    return settings


@pytest.fixture
def view(place: Settings) -> Iterator[ControlView]:
    found = ControlView(place)
    yield found
    found.close()


def issue(settings: Settings, action: str, ref: ModelRef | None = None, **more: object) -> None:
    model = {} if ref is None else {"model": ref.name, "model_version": ref.version}
    Control(settings).issue(action, strategy="alpha", reason="test", **model, **more)  # type: ignore[arg-type]


def commit(settings: Settings, metadata: CommitMetadata | None) -> None:
    """Give every partition's committed offset this metadata, as the consumer does; None: as a reset by hand does."""
    names = TopicNames(settings.topics.prefix)
    text = "" if metadata is None else metadata.to_text()
    places = {(names.features, number): (0, text) for number in range(settings.topics.partitions)}
    set_group_offsets(settings, f"{settings.topics.prefix}signaltape-inference", places)


def live(view: ControlView, instant: int, partition: int = 0) -> ModelRef | None:
    strategies = view.in_force(partition, instant).strategies
    return strategies[0].live if strategies else None


def paused(view: ControlView, instant: int = HEAD) -> bool:
    return bool(view.in_force(0, instant).paused("alpha", ("A",))[0])


def test_decisions_hold_while_no_consumer_runs(place: Settings, view: ControlView) -> None:
    assert live(view, HEAD) is None
    issue(place, "activate", ONE)
    wait_for(lambda: live(view, HEAD) == ONE, 30, "the activation")
    issue(place, "pause", symbols=("A",))
    wait_for(lambda: paused(view), 30, "the pause")
    assert not view.in_force(0, HEAD).paused("alpha", ("B",))[0]
    issue(place, "resume")
    wait_for(lambda: not paused(view), 30, "the resume")
    assert {partition: one.strategies[0].live for partition, one in view.everywhere(HEAD).items()} == dict.fromkeys(
        range(place.topics.partitions), ONE
    )


def test_an_event_acts_from_where_the_partition_stands(place: Settings) -> None:
    """The second activation names no time: it acts behind the first one's, which was for a bar before the head."""
    issue(place, "activate", ONE, effective_from=HEAD - MINUTE)
    issue(place, "activate", TWO)
    issue(place, "activate", ONE, effective_from=HEAD + 5 * MINUTE)
    commit(place, CommitMetadata(standing=Standing(head=HEAD), received=0, kept=((0, HEAD - MINUTE),)))
    view = ControlView(place)
    try:
        assert live(view, HEAD - MINUTE - 1) is None
        assert live(view, HEAD) == ONE
        assert live(view, HEAD + 1) == TWO
        assert live(view, HEAD + 5 * MINUTE - 1) == TWO
        assert live(view, HEAD + 5 * MINUTE) == ONE
    finally:
        view.close()


def test_what_a_partition_received_counts_where_it_says(place: Settings) -> None:
    """A late event acts from where the consumer took it, whatever time it asked for."""
    issue(place, "activate", ONE, effective_from=HEAD)
    commit(place, CommitMetadata(standing=Standing(head=HEAD + MINUTE), received=0, kept=((0, HEAD + MINUTE + 1),)))
    view = ControlView(place)
    try:
        assert live(view, HEAD + MINUTE) is None
        assert live(view, HEAD + MINUTE + 1) == ONE
    finally:
        view.close()


def test_offsets_without_their_state_are_refused(place: Settings) -> None:
    commit(place, None)
    with pytest.raises(CommitRefused, match="signaltape repair --service inference"):
        ControlView(place)


def test_a_fault_of_the_view_shows_and_passes(
    place: Settings, view: ControlView, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that ended would leave a picture that grows old without a word."""
    with monkeypatch.context() as broken:
        broken.setattr(view, "_rebuild", lambda: 1 // 0)
        issue(place, "activate", ONE)
        wait_for(lambda: "ZeroDivisionError" in view.failure, 30, "the fault to show")
        assert live(view, HEAD) is None
    wait_for(lambda: live(view, HEAD) == ONE, 30, "the view to go on")
    wait_for(lambda: not view.failure, 30, "the failure to pass")


def test_kafka_away_keeps_the_last_picture_and_says_so(stack: TestStack, place: Settings, view: ControlView) -> None:
    issue(place, "activate", ONE)
    wait_for(lambda: live(view, HEAD) == ONE, 30)
    assert view.failure == ""
    stack.suspend("kafka")
    try:
        wait_for(lambda: view.failure, 30, "the failure to show")
        assert live(view, HEAD) == ONE
    finally:
        stack.resume("kafka")
    wait_for(lambda: not view.failure, 60, "the failure to pass")
    issue(place, "activate", TWO)
    wait_for(lambda: live(view, HEAD) == TWO, 30, "what came after")
