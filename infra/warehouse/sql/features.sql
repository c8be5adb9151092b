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
