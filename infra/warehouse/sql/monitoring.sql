-- name: patience
SET LOCAL statement_timeout = '3s';

-- name: tables
SELECT to_regclass('checkpoints') IS NOT NULL AND to_regclass('digests') IS NOT NULL;

-- name: positions
SELECT service, topic, partition, effect_offset FROM checkpoints WHERE topic = ANY (%(topics)s::text[]);

-- name: size
SELECT current_database(), pg_database_size(current_database());

-- name: newest ages
-- Each is a step in an index that begins with the time (digests tell of feature rows), or a look at a small table.
SELECT name, extract(epoch FROM clock_timestamp() - event_time)::double precision
FROM (
    VALUES
        ('features', (SELECT d.event_time FROM digests d WHERE d.stage = 'features' ORDER BY d.event_time DESC LIMIT 1)),
        ('signals', (SELECT s.event_time FROM signals s ORDER BY s.event_time DESC LIMIT 1)),
        ('alerts', (SELECT max(a.event_time) FROM alerts a))
) AS newest (name, event_time)
WHERE event_time IS NOT NULL;
