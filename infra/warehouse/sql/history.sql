-- name: extents
-- Offsets between which a range of time lies in the present log, by partition: only the first bar of a key makes
-- features at its place. loaded: bars that were loaded in bulk, and so lie in no log.
SELECT b.partition, min(c.first_generation),
       coalesce(min(b.source_offset) FILTER (WHERE b.generation > 0), 0),
       coalesce(max(b.source_offset) FILTER (WHERE b.generation > 0) + 1, 0),
       count(*), count(*) FILTER (WHERE b.generation = 0), min(b.event_time), max(b.event_time)
FROM bars b
JOIN checkpoints c ON c.service = 'features' AND c.topic = %(topic)s AND c.partition = b.partition
                  AND (b.generation >= c.first_generation OR b.generation = 0 AND %(loaded)s)
WHERE b.event_time >= %(start)s AND b.event_time <= %(end)s AND b.status = 'first'
GROUP BY b.partition ORDER BY b.partition;

-- name: bounds
SELECT min(event_time), max(event_time) FROM bars;

-- name: outside the log
-- Bars of a range that lie in no log, or in one that was begun anew since.
SELECT count(*) FILTER (WHERE b.generation = 0), count(*) FILTER (WHERE b.generation > 0)
FROM bars b
LEFT JOIN checkpoints c ON c.service = 'features' AND c.topic = %(topic)s AND c.partition = b.partition
WHERE b.event_time >= %(start)s AND b.event_time <= %(end)s
  AND (b.generation = 0 OR b.generation < coalesce(c.first_generation, 1));

-- name: bars without features
-- Bars of a range that are not the first of their key from their symbol's own source.
SELECT status, count(*) FROM bars
WHERE event_time >= %(start)s AND event_time <= %(end)s AND status <> 'first'
GROUP BY status ORDER BY status;

-- name: newest state
SELECT source_offset, snapshot, event_time FROM engine_snapshots
WHERE partition = %(partition)s AND generation >= %(first_generation)s AND code_hash = %(code_hash)s
  AND source_offset <= %(offset)s
ORDER BY source_offset DESC LIMIT 1;

-- name: loaded bars
-- What `backfill FILE` has loaded of a partition's symbols up to a close, in the order of a log that never was; columns
-- as in the stored log.
SELECT interval, event_time, source, revision, available_time, feed, array_agg(symbol ORDER BY symbol),
       array_send(array_agg(open ORDER BY symbol)), array_send(array_agg(high ORDER BY symbol)),
       array_send(array_agg(low ORDER BY symbol)), array_send(array_agg(close ORDER BY symbol)),
       array_send(array_agg(coalesce(volume, 'NaN') ORDER BY symbol))
FROM bars WHERE generation = 0 AND partition = %(partition)s AND event_time <= %(last)s
GROUP BY event_time, interval, source, revision, available_time, feed
ORDER BY event_time, interval, source, revision, available_time, feed;

-- name: control before
SELECT payload FROM log_events
WHERE partition = %(partition)s AND generation >= %(first_generation)s AND type = 'ControlEvent'
  AND source_offset < %(offset)s
ORDER BY source_offset;

-- name: control applied
SELECT control_offset, effective_p FROM control_applied WHERE partition = %(partition)s
ORDER BY generation, control_offset;

-- name: emissions before
-- What was last sent of each symbol before a place in the log.
SELECT s.symbol, sent.signal, sent.event_time
FROM unnest(%(symbols)s::text[]) AS s (symbol)
CROSS JOIN LATERAL (
    SELECT g.signal, g.event_time FROM signals g
    WHERE g.symbol = s.symbol AND g.interval = %(interval)s AND g.event_time <= %(head)s
      AND g.source_offset < %(offset)s
    ORDER BY g.event_time DESC LIMIT 1) AS sent;

-- name: answers before
-- What each model last said of each symbol in time, as long as it may stand in for an answer.
SELECT DISTINCT ON (model, model_version, symbol) model, model_version, symbol, score, event_time
FROM predictions
WHERE partition = %(partition)s AND interval = %(interval)s AND status = 'ok'
  AND event_time >= %(since)s AND event_time <= %(head)s AND source_offset < %(offset)s
ORDER BY model, model_version, symbol, event_time DESC;

-- name: silent calls
-- Calls whose rows are not the model's answer; lost: a shadow that could not be loaded. They know no generation of the
-- log: one that was begun anew has other bars at an offset, so the bar time tells them apart.
SELECT p.event_time, p.source_offset, p.interval, p.strategy, p.role, p.model, p.model_version,
       coalesce(bool_or(c.deadline_missed), false), coalesce(bool_or(c.breaker_open), false),
       coalesce(bool_or(c.model_sha256 = '' AND p.role = 'shadow'), false)
FROM predictions p
LEFT JOIN model_calls c
    USING (partition, event_time, source_offset, interval, strategy, model, model_version, role)
WHERE p.partition = %(partition)s AND p.source_offset >= %(start)s AND p.source_offset < %(end)s
  AND p.event_time <= %(last)s AND p.status <> 'ok'
GROUP BY 1, 2, 3, 4, 5, 6, 7;
