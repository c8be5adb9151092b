-- name: register set
INSERT INTO feature_sets (feature_set, set_version, set_hash, features) VALUES (%s, %s, %s, %s)
ON CONFLICT DO NOTHING;

-- name: set hash
SELECT set_hash FROM feature_sets WHERE feature_set = %s AND set_version = %s;

-- name: request repair
INSERT INTO repair_requests (generation, partition, source_offset, symbol, interval, event_time, reason)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING;

-- name: find bar
-- What the log before an offset holds of a bar: the same revision if there is one, else the highest. Generations
-- before the first of this log lie wholly before.
SELECT revision, open, high, low, close, volume
FROM bars
WHERE symbol = %(symbol)s AND interval = %(interval)s AND event_time = %(event_time)s AND source = %(source)s
  AND (generation < %(first_generation)s OR source_offset < %(before)s)
ORDER BY revision = %(revision)s DESC, revision DESC
LIMIT 1;

-- name: register writer
-- One row when rows of another build begin, and only by the process that has the partition.
INSERT INTO feature_writers AS known
    (kind, partition, first_revision, producer, producer_version, run_id, numerics)
SELECT kind, %(partition)s, %(first_revision)s, %(producer)s, %(producer_version)s, %(run_id)s, %(numerics)s
FROM unnest(ARRAY['live', 'correction']) AS kind
WHERE EXISTS (SELECT FROM checkpoints c WHERE c.service = %(service)s AND c.topic = %(topic)s
                AND c.partition = %(partition)s AND c.epoch = %(epoch)s)
  AND ARRAY[%(producer_version)s::text, %(numerics)s] IS DISTINCT FROM (
    SELECT ARRAY[w.producer_version, w.numerics] FROM feature_writers w
    WHERE w.kind = kind.kind AND w.partition = %(partition)s AND w.first_revision <= %(first_revision)s
    ORDER BY w.first_revision DESC LIMIT 1)
ON CONFLICT (kind, partition, first_revision) DO UPDATE
SET producer = excluded.producer, producer_version = excluded.producer_version, run_id = excluded.run_id,
    numerics = excluded.numerics, started_at = now();
