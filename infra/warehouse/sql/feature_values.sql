-- name: lock
-- Writers of one feature follow each other: a value's revision counts those before it.
SELECT pg_advisory_xact_lock(hashtextextended(%(feature)s || ' ' || %(version)s::text, 7));

-- name: define
INSERT INTO feature_definitions (feature_name, feature_version, value_type)
VALUES (%(feature)s, %(version)s, %(kind)s)
ON CONFLICT DO NOTHING;

-- name: defined
SELECT value_type FROM feature_definitions WHERE feature_name = %(feature)s AND feature_version = %(version)s;

-- name: incoming
CREATE TEMPORARY TABLE incoming (
    entity_key text NOT NULL, event_time timestamptz NOT NULL, value_double double precision, value_json jsonb
) ON COMMIT DROP;

-- name: copy
COPY incoming (entity_key, event_time, value_double, value_json) FROM STDIN;

-- name: insert
-- A value that stands as it is adds nothing; another one is a correction: a row of its own, which the world could not
-- know before it came.
INSERT INTO feature_values
    (entity_key, feature_name, feature_version, event_time, revision, available_time,
     value_double, value_json, producer, producer_version, run_id)
SELECT new.entity_key, %(feature)s, %(version)s, new.event_time, coalesce(old.revision + 1, 0),
       greatest(new.event_time + %(lag)s, CASE WHEN old.revision IS NOT NULL THEN now() END),
       new.value_double, new.value_json, %(producer)s, %(producer_version)s, %(run_id)s
FROM incoming AS new
LEFT JOIN LATERAL (
    SELECT v.revision, v.value_double, v.value_json
    FROM feature_values v
    WHERE v.entity_key = new.entity_key AND v.feature_name = %(feature)s AND v.feature_version = %(version)s
      AND v.event_time = new.event_time
    ORDER BY v.revision DESC
    LIMIT 1
) AS old ON true
WHERE old.revision IS NULL OR old.value_double IS DISTINCT FROM new.value_double
   OR old.value_json IS DISTINCT FROM new.value_json;
