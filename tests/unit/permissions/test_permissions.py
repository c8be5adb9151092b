"""The table of Kafka rights: no role has more than its work, and the documentation says what the code does."""

from pathlib import Path

import pytest

from infra.broker.acls import Permission, _binding
from infra.settings import load_settings
from infra.warehouse.roles import role_table
from schemas.topics import TOPICS
from signaltape.initialisation import GROUP_TOPICS
from signaltape.permissions import ROLES, rights_of, role_named
from signaltape.permissions.roles import UnknownRole
from signaltape.permissions.text import commands, table

#: Groups that nobody joins: clients name them that read by themselves.
UNJOINED = ("read-", "reader-", "watch-", "signaltape-probe", "signaltape-monitor")
PAGE = Path(__file__).parents[3] / "docs" / "operations" / "security.md"


def part(name: str) -> str:
    text = PAGE.read_text()
    start = text.index("-->\n", text.index(f"<!-- {name}:")) + len("-->\n")
    return text[start : text.index(f"<!-- /{name} -->")]


def test_the_page_has_the_tables_of_the_code() -> None:
    assert part("kafka") == table(), "run `signaltape acls --table` and put it in docs/operations/security.md"
    assert part("postgres") == role_table(), "put infra.warehouse.roles.role_table() in docs/operations/security.md"


def test_every_topic_has_one_kind_of_writer() -> None:
    """Who may write the topics that others act on; a new writer is a decision, not an oversight."""
    writers = {
        topic.name: {role.name for role in ROLES if topic.name in role.writes} - {"operator"} for topic in TOPICS
    }
    assert writers == {
        "bars-in": {"bar-client", "feed-handler"},
        "bars": {"feed-handler", "ingest", "store"},
        "features": {"features"},
        "returns": {"features"},
        "predictions": {"inference"},
        "signals": {"inference"},
        "alerts": {"drift"},
        "control": {"responder", "api"},
    }


def test_every_service_reads_what_its_group_reads() -> None:
    for service, topics in GROUP_TOPICS.items():
        assert set(topics) <= set(role_named(service).reads), service
        assert role_named(service).service == service


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_rights_stay_under_the_prefix(role: object) -> None:
    """Two environments on one cluster don't reach into each other, but by the groups that nobody joins."""
    for right in rights_of(role, "blue."):  # type: ignore[arg-type]
        assert right.name.startswith(("blue.", "replay-", *UNJOINED)) or right.kind == "cluster", right
        if right.name.startswith(UNJOINED):
            assert right.operation == "Describe"


def test_only_the_operator_makes_topics_and_nobody_changes_the_cluster() -> None:
    for role in ROLES:
        kinds = {(one.kind, one.operation) for one in rights_of(role, "blue.") if not one.name.startswith("replay-")}
        assert (("topic", "Create") in kinds) == role.rules
        assert not {operation for kind, operation in kinds if kind == "cluster"} - {"Describe", "DescribeConfigs"}


def test_each_right_is_one_that_the_broker_knows_and_the_tool_can_set() -> None:
    settings = load_settings(kafka={"bootstrap_servers": "k:1"}, topics={"prefix": "blue."})
    for role in ROLES:
        for right in rights_of(role, "blue."):
            _binding(Permission(principal="User:x", kind=right.kind, name=right.name, prefixed=right.prefixed,
                                operation=right.operation))  # fmt: skip
        lines = commands(settings, role, "User:O'Brien")
        assert lines
        assert all(
            line.startswith("kafka-acls.sh --bootstrap-server k:1 --add --allow-principal 'User:O'") for line in lines
        )
    gateway = commands(settings, role_named("gateway"), "User:g")
    assert gateway[-1].endswith("--allow-principal User:g --operation Read --topic blue.signals.v1")


def test_an_unknown_role_is_named() -> None:
    with pytest.raises(UnknownRole, match="use one of bar-client"):
        role_named("trader")
