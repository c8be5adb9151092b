"""The rights as commands of Kafka's own tool, and as the table of the documentation."""

import shlex
from collections.abc import Sequence
from itertools import groupby

from infra.settings import Settings
from schemas.topics import DEAD_LETTERED, TOPICS
from signaltape.permissions.rights import Right, rights_of
from signaltape.permissions.roles import ROLES, Role

_ALL = {topic.name for topic in TOPICS}


def commands(settings: Settings, role: Role, principal: str) -> list[str]:
    """One `kafka-acls.sh` call for each thing that the role has rights on."""
    start = f"kafka-acls.sh --bootstrap-server {settings.kafka.bootstrap_servers} --add --allow-principal"

    def thing(right: Right) -> tuple[str, str, bool]:
        return right.kind, right.name, right.prefixed

    lines = []
    for (kind, name, prefixed), rights in groupby(rights_of(role, settings.topics.prefix), thing):
        operations = " ".join(f"--operation {one.operation}" for one in rights)
        place = "--cluster" if kind == "cluster" else f"--{kind} {shlex.quote(name)}"
        pattern = " --resource-pattern-type prefixed" if prefixed else ""
        lines.append(f"{start} {shlex.quote(principal)} {operations} {place}{pattern}")
    return lines


def table() -> str:
    """The roles as Markdown, as docs/operations/security.md has them."""
    lines = ["| role | what it is | reads | writes | groups and transactions | more |", "|---|---|---|---|---|---|"]
    for role in ROLES:
        writes = _named(role.writes)
        if role.letters and not role.rules:
            writes += f"; `.dlq` of {_named(role.letters)}"
        groups = [f"member of `signaltape-{role.service}`"] if role.service else []
        groups += [f"transactions `signaltape-{role.transactional}…`"] if role.transactional else []
        groups += [f"sees the offsets of {_those(role.watches)}"] if role.watches else []
        more = ["dead letters"] if role.letters_too else []
        more += ["makes, changes and removes topics; sets offsets"] if role.rules else []
        more += ["anything that begins with `replay-`"] if role.replays else []
        cells = (f"`{role.name}`", role.purpose, _named(role.reads), writes, "; ".join(groups), "; ".join(more))
        lines.append("| " + " | ".join(cell or "–" for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _named(topics: Sequence[str]) -> str:
    if set(topics) == _ALL == set(DEAD_LETTERED):
        return "every topic"
    return ", ".join(f"`{topic}`" for topic in topics)


def _those(services: Sequence[str]) -> str:
    return f"`signaltape-{services[0]}`" if len(services) == 1 else "every service"
