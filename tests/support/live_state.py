"""Everything that a replay must not touch, as one value that can be compared."""

import hashlib
from pathlib import Path
from typing import Any

import redis
from psycopg import sql

from infra.broker.admin import admin_client, all_offsets, group_offsets
from infra.settings import Settings
from infra.warehouse import connect
from schemas.topics import TOPICS, TopicNames
from signaltape.initialisation import GROUP_TOPICS, group_of
from signaltape.replay.place import replays_folder


def live_state(settings: Settings) -> dict[str, Any]:
    """Rows of every live table, ends of every topic, offsets of every group, every key, every file."""
    return {
        "tables": live_tables(settings),
        "topics": live_topics(settings),
        "groups": live_groups(settings),
        "keys": live_keys(settings),
        "files": live_files(settings),
    }


def live_tables(settings: Settings) -> dict[str, tuple[int, str]]:
    """Table → (rows, MD5 of all of them), in the schema of the live tables."""
    statement = "SELECT count(*), coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {} t"
    with connect(settings) as connection:
        names = [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        return {
            name: tuple(connection.execute(sql.SQL(statement).format(sql.Identifier("public", name))).fetchone() or ())
            for name in sorted(names)
        }


def live_topics(settings: Settings) -> dict[str, dict[int, tuple[int, int]]]:
    """Topic of the live prefix → lowest and highest offset of each partition."""
    there = admin_client(settings).list_topics(timeout=30).topics
    return all_offsets(settings, sorted(name for name in there if name.startswith(settings.topics.prefix)))


def live_groups(settings: Settings) -> dict[str, Any]:
    """(group, topic) → committed offsets and metadata."""
    names, partitioned = TopicNames(settings.topics.prefix), {one.name for one in TOPICS if one.partitioned}
    return {
        f"{service} {topic}": group_offsets(
            settings, group_of(settings, service), names.of(topic),
            settings.topics.partitions if topic in partitioned else 1,
        )
        for service, topics in GROUP_TOPICS.items()
        for topic in topics
    }  # fmt: skip


def live_keys(settings: Settings) -> dict[bytes, bytes | None]:
    """Every Redis key that isn't a replay's → its content."""
    client = redis.Redis.from_url(settings.redis.url)
    try:
        return {key: client.dump(key) for key in sorted(client.keys("*")) if not key.startswith(b"replay-")}
    finally:
        client.close()


def live_files(settings: Settings) -> dict[str, str]:
    """Every file below the home folder but those of replays → its SHA-256."""
    own = replays_folder(settings)

    def is_live(path: Path) -> bool:
        return path.is_file() and own not in path.parents

    return {
        str(path.relative_to(settings.home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(settings.home.rglob("*"))
        if is_live(path)
    }
