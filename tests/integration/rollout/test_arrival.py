"""What a caller is told of an event that was written and is not obeyed."""

import time

import pytest

from infra.broker.admin import create_topics
from infra.broker.single import publish_one
from infra.settings import Settings
from schemas.codec import encode
from schemas.control import ControlEvent
from schemas.headers import event_headers
from schemas.signals import Notice
from schemas.topics import TopicNames
from signaltape.rollout.arrival import Arrivals
from signaltape.rollout.errors import EventRefused, RefusedByInference


def test_refusal_by_the_inference_says_that_the_event_was_written(settings: Settings) -> None:
    create_topics(settings)
    event = ControlEvent(
        event_id="e", action="pause", effective_from=0, issued_at=0, issued_by="t", strategy="s", control_offset=7
    )
    notice = Notice(
        seq=0, partition=0, kind="refused", event_time=0, strategy="s", model="", symbols=(), control_offset=7,
        detail="action 'pause' is not known",
    )  # fmt: skip
    with Arrivals(settings) as arrivals:
        headers = event_headers(notice.TYPE, "n", "test", 0)
        publish_one(settings, TopicNames(settings.topics.prefix).signals, encode(notice), key=None, headers=headers)
        with pytest.raises(
            RefusedByInference, match=r"control event 7\) was written and has no effect.*not known"
        ) as told:
            arrivals.wait(event, time.monotonic() + 30.0)
    assert not isinstance(told.value, EventRefused), "that one says that nothing was written"
