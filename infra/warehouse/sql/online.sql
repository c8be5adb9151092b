-- name: keys
-- Every (set, version, interval) that has vectors, with its symbols: one step in the key's index for each
-- (symbol, interval), instead of reading the table.
WITH RECURSIVE pairs AS (
    (SELECT f.symbol, f.interval FROM features f ORDER BY f.symbol, f.interval LIMIT 1)
    UNION ALL
    SELECT following.symbol, following.interval
    FROM pairs
    CROSS JOIN LATERAL (
        SELECT f.symbol, f.interval FROM features f
        WHERE (f.symbol, f.interval) > (pairs.symbol, pairs.interval)
        ORDER BY f.symbol, f.interval LIMIT 1
    ) AS following
)
SELECT sets.feature_set, sets.set_version, pairs.interval, array_agg(pairs.symbol ORDER BY pairs.symbol)
FROM pairs CROSS JOIN feature_sets sets
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- name: newest
SELECT wanted.symbol, newest.event_time, newest.revision, newest.available_time, newest.close, newest."values"
FROM unnest(%(symbols)s::text[]) AS wanted (symbol)
CROSS JOIN LATERAL (
    SELECT f.event_time, f.revision, f.available_time, f.close, f."values"
    FROM features f
    WHERE f.symbol = wanted.symbol AND f.interval = %(interval)s
      AND f.feature_set = %(feature_set)s AND f.set_version = %(set_version)s
    ORDER BY f.event_time DESC, f.revision DESC
    LIMIT 1
) AS newest
ORDER BY wanted.symbol;

-- name: newest signals
-- One step in the key's index for each (symbol, interval), and one for its newest row. `partitions` NULL: all.
WITH RECURSIVE pairs AS (
    (SELECT s.symbol, s.interval FROM signals s ORDER BY s.symbol, s.interval LIMIT 1)
    UNION ALL
    SELECT following.symbol, following.interval
    FROM pairs
    CROSS JOIN LATERAL (
        SELECT s.symbol, s.interval FROM signals s
        WHERE (s.symbol, s.interval) > (pairs.symbol, pairs.interval)
        ORDER BY s.symbol, s.interval LIMIT 1
    ) AS following
)
SELECT newest.*
FROM pairs
CROSS JOIN LATERAL (
    SELECT s.signal_id, s.seq, s.symbol, s.signal, s.score, s.confidence, s.event_time, s.interval, s.horizon,
           s.reference_price, s.position_scale, s.strategy, s.model, s.model_version, s.models, s.partition,
           s.source_offset, s.expires_at, s.reason
    FROM signals s
    WHERE s.symbol = pairs.symbol AND s.interval = pairs.interval
    ORDER BY s.event_time DESC, s.seq DESC
    LIMIT 1
) AS newest
WHERE %(partitions)s::int[] IS NULL OR newest.partition = ANY (%(partitions)s::int[]);
