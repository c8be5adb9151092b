"""A run verified: equal from anywhere, cut anyhow; and every change of the record is named where it is."""

import json
from collections.abc import Iterator

import pytest

from infra.settings import Settings
from infra.stack import Endpoints
from signaltape.verification.document import document
from signaltape.verification.plan import Question
from signaltape.verification.text import lines
from signaltape.verification.verifying import Verification, verify
from tests.support.explained_run import CHANGED, SWAPPED, at, explained_run


@pytest.fixture(scope="module")
def flown(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with explained_run(endpoints, tmp_path_factory.mktemp("verified")) as settings:
        yield settings


def ask(settings: Settings, first: int = 0, last: int = CHANGED, **more: object) -> Verification:
    return verify(settings, Question(start=at(first), end=at(last), **more))


def test_equal(flown: Settings) -> None:
    for more in ({"cold": True}, {"cold": True, "batch_rows": 1}, {"first": SWAPPED - 5}):
        made = ask(flown, limit=20, **more)
        print("\n".join(lines(made)))
        print(json.dumps(document(made))[:3000])
        assert made.verdict == "equal"
