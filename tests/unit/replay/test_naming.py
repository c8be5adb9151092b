"""Nothing without a replay's name can be removed, and no two replays share one."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.broker.removal import groups_of, remove_groups, remove_topics, topics_of
from infra.online.removal import remove_keys
from infra.settings import Settings
from infra.warehouse.schemas import drop_schema
from pipeline.replay.missing_days import MissingDays
from pipeline.replay.naming import NotAReplayError, ReplayName, is_replay_prefix, require_prefix, require_schema
from schemas.intervals import DAY

IDENTS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True)
NOWHERE = Settings(
    kafka={"bootstrap_servers": "127.0.0.1:1"},  # type: ignore[arg-type]
    postgres={"dsn": "postgresql://nobody@127.0.0.1:1/none"},  # type: ignore[arg-type]
    redis={"url": "redis://127.0.0.1:1/0"},  # type: ignore[arg-type]
)


@pytest.mark.parametrize(
    "ident", ["", "A", "a.b", "a_b", "-a", "a-", "a b", "a" * 33, "ä", "a\n", "*", "a/..", "..", "a\0"]
)
def test_ids_that_cannot_be(ident: str) -> None:
    with pytest.raises(ValueError, match="1 to 32 lower-case letters"):
        ReplayName(ident)


@given(IDENTS, IDENTS)
def test_names_are_a_replays_own(one: str, other: str) -> None:
    first, second = ReplayName(one), ReplayName(other)
    assert require_prefix(first.prefix) == first.prefix
    assert require_schema(first.schema) == first.schema
    assert len(first.schema) <= 63
    if one != other:
        assert first.schema != second.schema
        assert not first.prefix.startswith(second.prefix)


@pytest.mark.parametrize(
    "prefix", ["", "replay-", "replay-.", "replay-a", "replay-a.b.", "replay-A.", "x.replay-a.", "replay-a*.", "prod."]
)
@pytest.mark.parametrize("remove", [topics_of, groups_of, remove_topics, remove_groups, remove_keys])
def test_nothing_under_another_prefix_is_looked_at(prefix: str, remove: Callable[[Settings, str], object]) -> None:
    """No server is asked: there is none."""
    assert not is_replay_prefix(prefix)
    with pytest.raises(NotAReplayError):
        remove(NOWHERE, prefix)


@pytest.mark.parametrize(
    "schema", ["", "public", "replay", "replay_", "replay_A", "replay_a_", "pg_catalog", "replay_a-b"]
)
def test_no_other_schema_is_dropped(schema: str) -> None:
    with pytest.raises(NotAReplayError):
        drop_schema(NOWHERE, schema)


def test_weekdays_without_a_bar() -> None:
    thursday, missing = 20_000 * 7, MissingDays()
    for day in (thursday, thursday + 1, thursday + 4, thursday + 7, thursday + 6, thursday + 8, thursday + 11):
        missing.see(day * DAY + DAY // 2)
    assert missing.days == [thursday + 5, thursday + 6]
