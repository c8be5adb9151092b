"""Signals that are in the store alone: history that no topic holds any more."""

from infra.settings import Settings
from infra.warehouse import connect
from schemas.intervals import MINUTE, SECOND


def store_signals(settings: Settings, count: int, *, symbols: int, newest: int, prefix: str) -> None:
    """Write `count` signals of `symbols` names a minute, the last of them for the bar that closed at `newest` (ns UTC).

    Names are `prefix` and a number; every third is short. Of one minute their numbers `seq` are equal in pairs, as
    those of two partitions are.
    """
    with connect(settings) as connection:
        connection.execute(
            "INSERT INTO signals (signal_id, seq, symbol, interval, event_time, signal, score, confidence, horizon,"
            " reference_price, position_scale, strategy, model, model_version, models, source_offset, expires_at,"
            " reason, partition, topic_offset)"
            " SELECT md5(%(prefix)s || n), n / 2, %(prefix)s || (n %% %(symbols)s), '1m', at,"
            " CASE WHEN n %% 3 = 0 THEN 'short' ELSE 'long' END, 0.001, 0.6, 5, 100, 1, 'alpha', 'first', 1,"
            " ARRAY['first:1'], n, at + INTERVAL '5 minutes', 'live', n %% 2, n"
            " FROM generate_series(0, %(count)s - 1) AS n,"
            " LATERAL (SELECT to_timestamp(%(newest)s) - ((%(count)s - 1) / %(symbols)s - n / %(symbols)s)"
            " * INTERVAL '1 minute' AS at) AS bar",
            {"prefix": prefix, "count": count, "symbols": symbols, "newest": newest / SECOND},
        )
        connection.execute("ANALYZE signals")


def closed(newest: int, minutes_before: int) -> int:
    """Close of the bar so many minutes before `newest`, ns UTC."""
    return newest - minutes_before * MINUTE
