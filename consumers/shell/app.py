"""The Faust application of a service: built from our settings alone."""

import tempfile
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import faust
from mode.supervisors import CrashingSupervisor

from consumers.shell import adapter
from consumers.shell.credentials import credentials
from consumers.shell.options import ShellOptions
from infra.settings import Settings

#: A broker that has just come back may answer without its topics: an assignment made then is empty, and stays so until
#: the consumer looks again and joins anew. By default it looks every five minutes.
_METADATA_MS = 2_000
#: No limit on the time between two polls: a service that waits for a server keeps its partitions.
_ONE_DAY_S = 86_400.0


def build_app(settings: Settings, group: str, options: ShellOptions) -> faust.App:
    """Build the application whose consumer group is ``group``.

    ``env={}``: Faust would let some eighty unprefixed variables (BROKER_URL, TIMEZONE …) win over what is given.
    """
    servers = settings.kafka.bootstrap_servers.split(",")
    app = faust.App(
        group,
        env={},
        broker=[f"kafka://{server.strip()}" for server in servers],
        broker_credentials=credentials(settings.kafka.options),
        broker_client_id=group,
        store="memory://",
        datadir=tempfile.gettempdir(),
        topic_disable_leader=True,
        topic_allow_declare=False,
        topic_partitions=settings.topics.partitions,
        stream_wait_empty=False,
        stream_buffer_maxsize=1_024,
        stream_recovery_delay=0.0,
        web_enabled=False,
        web_bind="127.0.0.1",
        agent_supervisor=CrashingSupervisor,
        processing_guarantee="at_least_once",
        broker_session_timeout=options.session_timeout_s,
        broker_heartbeat_interval=options.heartbeat_s,
        broker_rebalance_timeout=options.rebalance_timeout_s,
        broker_max_poll_interval=_ONE_DAY_S,
        broker_max_poll_records=None,
        broker_commit_interval=_ONE_DAY_S,
        broker_commit_livelock_soft_timeout=_ONE_DAY_S,
        stream_processing_timeout=_ONE_DAY_S,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=_METADATA_MS,
        consumer_max_fetch_size=4 * 1024 * 1024,
        autodiscover=False,
    )
    adapter.install(app, read_committed=options.read_committed)
    return app


def add_agent(app: faust.App, topics: Sequence[str], take: Callable[[Any], Awaitable[None] | None]) -> None:
    """Give every message of ``topics`` to ``take`` as Faust's raw message (bytes key and value), unacknowledged."""
    channel = app.topic(*topics, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw",
                        acks=False, allow_empty=True)  # fmt: skip

    async def deliver(stream: Any) -> None:
        async for event in stream.noack().events():
            waiting = take(event.message)
            if waiting is not None:
                await waiting

    app.agent(channel, name="deliver", supervisor_strategy=CrashingSupervisor)(deliver)
