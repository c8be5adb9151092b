"""What a run leaves behind, as content: compared between a disturbed run and an undisturbed one.

`LEFT_OUT` names what is not compared, because it says how it came about and not what came out.
"""

from typing import Any

import psycopg
from psycopg import sql

from infra.broker.reading import read_topic
from infra.settings import Settings
from schemas.codec import decode_any
from schemas.signals import Heartbeat, Notice, Signal
from schemas.topics import TopicNames

#: Table → the columns that are compared.
COLUMNS = {
    "bars": (
        "symbol interval event_time source revision available_time feed status open high low close volume partition"
        " quality"
    ),
    "features": "feature_set set_version symbol interval event_time available_time kind close values partition",
    "returns": "symbol interval event_time available_time kind horizons prediction_times log_returns partition",
    "predictions": (
        "strategy model model_version role symbol interval event_time horizon score confidence status direction outcome"
        " experiment partition"
    ),
    "signals": (
        "signal_id symbol interval event_time signal score confidence horizon reference_price position_scale strategy"
        " model model_version models expires_at reason partition"
    ),
    "drift_metrics": "policy strategy subject metric session verdict value sample_size detail",
    "alerts": "alert_id event_time policy rule severity strategy subject body",
}
#: Table → the columns that are not. Clocks: ``ingest_time``, ``published_at``, and the latency of a model. Places in a
#: log, which differ where messages are cut or repeated otherwise, and what is made of them: ``source_offset``,
#: ``row_index``, ``topic_offset``, ``generation``, ``revision`` of derived rows, ``seq`` (`check_sequence` has a rule).
LEFT_OUT = {
    "bars": "ingest_time generation source_offset row_index",
    "features": "ingest_time revision",
    "returns": "ingest_time revision",
    "predictions": "ingest_time source_offset topic_offset model_latency_ns",
    "signals": "ingest_time source_offset topic_offset seq",
    "drift_metrics": "ingest_time",
    "alerts": "ingest_time published_at",
}

Content = dict[str, list[Any]]


def content_of(settings: Settings) -> Content:
    """Rows of each table and the committed signals of the topic, sorted: a doubled row shows as much as a lost one."""
    found: Content = {}
    with psycopg.connect(settings.postgres.dsn) as connection:
        for table, columns in COLUMNS.items():
            chosen = sql.SQL(", ").join(map(sql.Identifier, columns.split()))
            query = sql.SQL("SELECT {} FROM {}").format(chosen, sql.Identifier(table))
            rows = connection.execute(query).fetchall()
            found[table] = sorted(repr(row) for row in rows)
    found["signals topic"] = sorted(
        repr((message.signal_id, message.symbol, message.signal, message.score, message.confidence))
        for _, message in committed_signals(settings)
        if isinstance(message, Signal)
    )
    return found


def committed_signals(settings: Settings) -> list[tuple[int, Signal | Heartbeat | Notice]]:
    """(partition, message) of everything committed in ``signals``, in order within a partition."""
    found = []
    for record in read_topic(settings, TopicNames(settings.topics.prefix).signals):
        content_type = (dict(record.headers).get("content-type") or b"").decode()
        message = decode_any(record.value or b"", content_type)
        assert isinstance(message, Signal | Heartbeat | Notice)
        found.append((record.partition, message))
    return found


def check_sequence(settings: Settings) -> None:
    """Each partition's ``seq`` runs from its first value without a gap and without a repeat."""
    expected: dict[int, int] = {}
    for partition, message in committed_signals(settings):
        assert message.seq == expected.get(partition, message.seq), f"partition {partition}: {message}"
        expected[partition] = message.seq + 1


def difference(expected: Content, found: Content) -> str:
    """The first differences, for people; empty if there is none."""
    lines = []
    for name, rows in expected.items():
        other = found[name]
        if rows != other:
            missing, extra = sorted(set(rows) - set(other)), sorted(set(other) - set(rows))
            lines.append(f"{name}: {len(rows)} rows expected, {len(other)} found")
            lines += [f"  missing {row}" for row in missing[:3]] + [f"  extra   {row}" for row in extra[:3]]
            if not missing and not extra:
                lines.append("  the same rows, but some of them more often")
    return "\n".join(lines)
