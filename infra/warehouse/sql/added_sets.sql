-- name: beginnings
SELECT partition, feature_set, set_version FROM feature_set_beginnings WHERE topic = %(topic)s;

-- name: publication starts
SELECT partition, feature_set, set_version, published_from FROM feature_set_beginnings
WHERE topic = %(topic)s AND published_from > 0;

-- name: begin
-- Only by the process that has the partition, and only where nothing is known of the set yet.
INSERT INTO feature_set_beginnings
    (topic, partition, feature_set, set_version, generation, live_from, published_from, producer_version, run_id)
SELECT %(topic)s, %(partition)s, %(feature_set)s, %(set_version)s, %(generation)s, %(live_from)s, %(published_from)s,
       %(producer_version)s, %(run_id)s
WHERE EXISTS (SELECT FROM checkpoints c WHERE c.service = 'features' AND c.topic = %(topic)s
                AND c.partition = %(partition)s AND c.epoch = %(epoch)s)
ON CONFLICT DO NOTHING;

-- name: progress
SELECT partition, next_offset, state FROM added_sets
WHERE topic = %(topic)s AND code_hash = %(code_hash)s AND first_generation = %(first_generation)s
  AND partition = %(partition)s;

-- name: move
INSERT INTO added_sets AS known (topic, partition, code_hash, first_generation, next_offset, state)
VALUES (%(topic)s, %(partition)s, %(code_hash)s, %(first_generation)s, %(next_offset)s, %(state)s)
ON CONFLICT (topic, partition) DO UPDATE
SET code_hash = excluded.code_hash, first_generation = excluded.first_generation, next_offset = excluded.next_offset,
    state = excluded.state, updated_at = now();

-- name: forget
DELETE FROM added_sets WHERE topic = %(topic)s;

-- name: open loads
SELECT run FROM backfills WHERE entered_at IS NULL ORDER BY run;

-- name: generations
-- From which offset on each generation of the present log has rows.
SELECT generation, min(source_offset) FROM (
    SELECT generation, source_offset FROM bars WHERE partition = %(partition)s AND generation >= %(first_generation)s
    UNION ALL
    SELECT generation, source_offset FROM log_events
    WHERE partition = %(partition)s AND generation >= %(first_generation)s) AS log
GROUP BY 1 ORDER BY 1;

-- name: log bars
-- One row a message; its columns as arrays in their wire form, which numpy reads as it is.
SELECT source_offset, interval, event_time, source, revision, available_time, feed, array_agg(symbol ORDER BY row_index),
       array_send(array_agg(open ORDER BY row_index)), array_send(array_agg(high ORDER BY row_index)),
       array_send(array_agg(low ORDER BY row_index)), array_send(array_agg(close ORDER BY row_index)),
       array_send(array_agg(coalesce(volume, 'NaN') ORDER BY row_index))
FROM bars
WHERE partition = %(partition)s AND generation >= %(first_generation)s
  AND source_offset >= %(start)s AND source_offset < %(end)s
GROUP BY source_offset, interval, event_time, source, revision, available_time, feed
ORDER BY source_offset;

-- name: log events
SELECT source_offset, payload FROM log_events
WHERE partition = %(partition)s AND generation >= %(first_generation)s
  AND source_offset >= %(start)s AND source_offset < %(end)s
ORDER BY source_offset;

-- name: is logged
SELECT EXISTS (SELECT FROM log_events WHERE partition = %(partition)s AND generation >= %(first_generation)s
                 AND source_offset = %(offset)s);

-- name: asked for
SELECT EXISTS (SELECT FROM repair_requests WHERE partition = %(partition)s AND generation = %(generation)s
                 AND source_offset = %(as_of)s AND symbol = %(symbol)s AND interval = %(interval)s);

-- name: loaded bars
-- The histories that `backfill FILE` has loaded of a partition's symbols.
SELECT symbol, event_time, open, high, low, close, volume, revision, available_time, source
FROM bars WHERE generation = 0 AND partition = %(partition)s AND interval = %(interval)s
ORDER BY event_time, symbol;

-- name: recount
-- The request whose revision the rows carry says how many they are.
UPDATE repair_requests AS q
SET feature_rows = (SELECT count(*) FROM features f WHERE f.symbol = %(symbol)s AND f.interval = %(interval)s
                      AND f.event_time >= %(since)s AND f.revision = %(revision)s AND f.kind = 'correction')
WHERE q.partition = %(partition)s AND q.generation = %(generation)s AND q.source_offset = %(as_of)s
  AND q.symbol = %(symbol)s AND q.interval = %(interval)s AND q.status = 'done'
  AND q.id = (SELECT max(id) FROM repair_requests m
              WHERE m.partition = q.partition AND m.generation = q.generation AND m.source_offset = q.source_offset
                AND m.symbol = q.symbol AND m.interval = q.interval);
