"""Removing the Redis keys of a replay, and nothing else."""

from collections.abc import Iterator
from functools import partial

from infra.online.server import OnlineServer, pattern
from infra.settings import Settings
from pipeline.replay.naming import require_prefix

_KEYS_A_CALL = 500


def remove_keys(settings: Settings, prefix: str) -> int:
    """Remove every key that begins with a replay's prefix; return how many.

    Raises ``NotAReplayError`` for another prefix, ``OnlineUnavailable`` while Redis is away.
    """
    require_prefix(prefix)
    server = OnlineServer(settings)
    try:
        keys: Iterator[bytes] = server.client.scan_iter(match=pattern(prefix), count=1000)
        found = server.attempt(lambda: sorted(keys))
        removed = 0
        for at in range(0, len(found), _KEYS_A_CALL):
            removed += int(server.attempt(partial(server.client.delete, *found[at : at + _KEYS_A_CALL])))
        return removed
    finally:
        server.close()
