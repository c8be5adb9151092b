-- name: bar counts
-- How the bars of a stretch of time were taken, per bar time, within the stretches of the log that are computed again.
SELECT b.interval, b.event_time,
       count(*) FILTER (WHERE b.status = 'first'), count(*) FILTER (WHERE b.status = 'correction'),
       count(*) FILTER (WHERE b.status = 'late'), count(*) FILTER (WHERE b.status = 'secondary')
FROM bars b
JOIN unnest(%(partitions)s::int[], %(generations)s::bigint[], %(starts)s::bigint[], %(ends)s::bigint[])
     AS lane (partition, first_generation, start, behind) USING (partition)
WHERE b.event_time >= %(since)s AND b.event_time < %(before)s AND b.generation >= lane.first_generation
  AND b.source_offset >= lane.start AND b.source_offset < lane.behind
GROUP BY b.interval, b.event_time;

-- name: feature offsets
-- Where in the log the live rows of a stretch of time say that their bars lay; revision 0 was loaded in bulk.
SELECT feature_set, set_version, interval, event_time, count(*), sum((revision & ((1::bigint << 40) - 1)) - 1)
FROM features
WHERE event_time >= %(since)s AND event_time < %(before)s AND kind = 'live' AND revision > 0
GROUP BY feature_set, set_version, interval, event_time;

-- name: bars at
SELECT interval, event_time, symbol, source, revision, status, source_offset
FROM bars b
JOIN unnest(%(partitions)s::int[], %(generations)s::bigint[], %(starts)s::bigint[], %(ends)s::bigint[])
     AS lane (partition, first_generation, start, behind) USING (partition)
WHERE b.event_time = ANY(%(times)s) AND b.generation >= lane.first_generation
  AND b.source_offset >= lane.start AND b.source_offset < lane.behind
ORDER BY b.source_offset, b.row_index;

-- name: features at
SELECT feature_set, set_version, interval, event_time, symbol, close, "values", available_time,
       (revision & ((1::bigint << 40) - 1)) - 1
FROM features
WHERE event_time = ANY(%(times)s) AND kind = 'live' AND revision > 0
ORDER BY symbol, revision;

-- name: predictions at
-- With the checksum of the file that made them, which the record of the call keeps.
SELECT p.strategy, p.model, p.model_version, p.role, p.interval, p.event_time, p.symbol, p.score, p.confidence,
       coalesce(c.model_sha256, ''), p.horizon, p.experiment, p.status, p.direction, p.outcome, p.source_offset
FROM predictions p
LEFT JOIN model_calls c
    USING (partition, event_time, source_offset, interval, strategy, model, model_version, role)
WHERE p.event_time = ANY(%(times)s)
ORDER BY p.symbol, p.source_offset;

-- name: signals at
SELECT signal_id, seq, symbol, signal, score, confidence, event_time, interval, horizon, reference_price,
       position_scale, strategy, model, model_version, models, source_offset, expires_at, reason, partition
FROM signals
WHERE event_time = ANY(%(times)s)
ORDER BY symbol, source_offset;

-- name: corrections at
-- Rows that the agent made again from states that were brought into the log, by the offsets where those lie.
SELECT feature_set, set_version, interval, event_time, symbol, close, "values", available_time,
       (revision & ((1::bigint << 40) - 1)) - 1
FROM features
WHERE kind = 'correction' AND partition = %(partition)s AND revision >> 40 >= %(first_generation)s
  AND (revision & ((1::bigint << 40) - 1)) - 1 = ANY(%(offsets)s)
  AND event_time >= %(low)s AND event_time <= %(high)s
  -- A state that was dropped has a request in its place, and the repair job's rows under its revision.
  AND NOT EXISTS (SELECT FROM repair_requests q
                  WHERE q.partition = features.partition AND q.symbol = features.symbol
                    AND q.interval = features.interval
                    AND q.source_offset = (features.revision & ((1::bigint << 40) - 1)) - 1)
ORDER BY symbol, event_time;

-- name: sets in
-- Sets of which live rows of a stretch of time are stored.
SELECT s.feature_set, s.set_version, s.set_hash FROM feature_sets s
WHERE EXISTS (SELECT FROM features f
              WHERE f.feature_set = s.feature_set AND f.set_version = s.set_version AND f.kind = 'live'
                AND f.revision > 0 AND f.event_time >= %(start)s AND f.event_time <= %(end)s)
ORDER BY 1, 2;

-- name: feature numerics
-- Whose arithmetic made the live rows of a partition's stretch of the log: a writer's rows end where the next begins.
SELECT DISTINCT numerics FROM (
    SELECT numerics, (first_revision & ((1::bigint << 40) - 1)) - 1 AS first,
           lead((first_revision & ((1::bigint << 40) - 1)) - 1) OVER (ORDER BY first_revision) AS next
    FROM feature_writers
    WHERE kind = 'live' AND partition = %(partition)s AND first_revision >> 40 >= %(first_generation)s) AS writer
WHERE first < %(end)s AND coalesce(next, %(end)s) > %(start)s;

-- name: call numerics
SELECT DISTINCT numerics FROM model_calls
WHERE event_time >= %(start)s AND event_time <= %(end)s AND model_sha256 <> '';

-- name: predicted to
-- How far in the log of a partition's bars predictions are stored.
SELECT partition, max(source_offset) FROM model_calls
WHERE event_time >= %(start)s GROUP BY partition;

-- name: rows before
-- Whether anything older is stored: what lacks after it was not dropped by a retention policy.
SELECT EXISTS (SELECT FROM features WHERE event_time < %(start)s),
       EXISTS (SELECT FROM predictions WHERE event_time < %(start)s);

-- name: bar without rows
-- The first bar of a symbol that its matured returns name and that is no longer stored.
SELECT named.event_time FROM (
    SELECT r.event_time FROM returns r
    WHERE r.symbol = %(symbol)s AND r.interval = %(interval)s
      AND r.event_time >= %(since)s AND r.event_time <= %(event_time)s AND r.kind = 'live'
    UNION
    SELECT unnest(r.prediction_times) FROM returns r
    WHERE r.symbol = %(symbol)s AND r.interval = %(interval)s
      AND r.event_time >= %(since)s AND r.event_time <= %(event_time)s) AS named
WHERE named.event_time >= %(since)s AND NOT EXISTS (
    SELECT FROM bars b WHERE b.symbol = %(symbol)s AND b.interval = %(interval)s AND b.event_time = named.event_time)
ORDER BY 1 LIMIT 1;

-- name: bar of
SELECT source_offset FROM bars
WHERE symbol = %(symbol)s AND interval = %(interval)s AND event_time = %(event_time)s LIMIT 1;

-- name: answered repairs
-- What the repair job recomputed: the requests of a symbol that it answered together, by the newest one's place.
SELECT partition, symbol, interval, max(generation), as_of_offset, min(event_time)
FROM repair_requests
WHERE status = 'done' AND partition = %(partition)s AND generation >= %(first_generation)s
  AND as_of_offset >= %(start)s AND as_of_offset < %(end)s AND event_time <= %(high)s
GROUP BY partition, symbol, interval, as_of_offset
ORDER BY as_of_offset, symbol, interval;

-- name: features as of
-- A symbol's newest rows up to a revision: what the repair job wrote, or found right as it was.
SELECT DISTINCT ON (event_time) feature_set, set_version, interval, event_time, symbol, close, "values", available_time,
       (revision & ((1::bigint << 40) - 1)) - 1
FROM features
WHERE symbol = %(symbol)s AND interval = %(interval)s AND event_time >= %(low)s AND event_time <= %(high)s
  AND feature_set = %(feature_set)s AND set_version = %(set_version)s AND revision <= %(revision)s
ORDER BY event_time, revision DESC;
