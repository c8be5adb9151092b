-- name: known
-- The newest row that was known at each as-of time. `as_of` holds the times (microseconds since 1970), entity by
-- entity and each entity's newest first; a chain is one entity's part of it.
--
-- What is known only grows with time: the answer for an earlier as-of time is never newer than the one for a later.
-- So each search begins in the index where the one before it ended, and rows that were not known at the latest time
-- (history stored later, say) are passed once for each entity, not once for each pair. OFFSET 0 keeps the array out
-- of the condition, where it would be copied for every search.
WITH RECURSIVE known AS (
    SELECT asked.*, newest.*
    FROM (
        SELECT chain.entity, chain.last, chain.first AS place, wanted.feature, wanted.number,
               timestamptz 'epoch' + (%(as_of)s::bigint[])[chain.first] * interval '1 microsecond' AS as_of,
               timestamptz 'epoch' + (%(as_of)s::bigint[])[chain.first] * interval '1 microsecond' AS latest
        FROM unnest(%(entities)s::text[], %(first)s::bigint[], %(last)s::bigint[]) AS chain (entity, first, last)
        CROSS JOIN unnest(%(features)s::text[]) WITH ORDINALITY AS wanted (feature, number)
        OFFSET 0
    ) AS asked
    CROSS JOIN LATERAL ({newest}) AS newest
    UNION ALL
    SELECT asked.*, newest.*
    FROM (
        SELECT before.entity, before.last, before.place + 1, before.feature, before.number,
               timestamptz 'epoch' + (%(as_of)s::bigint[])[before.place + 1] * interval '1 microsecond' AS as_of,
               least(before.event_time,
                     timestamptz 'epoch' + (%(as_of)s::bigint[])[before.place + 1] * interval '1 microsecond')
                   AS latest
        FROM known AS before
        WHERE before.place < before.last
        OFFSET 0
    ) AS asked
    CROSS JOIN LATERAL ({newest}) AS newest
)
SELECT place, number, event_time, available_time, revision, content FROM known;

-- name: newest vector
SELECT f.event_time, f.available_time, f.revision, {content} AS content
FROM features f
WHERE f.symbol = asked.entity AND f.interval = %(interval)s
  AND f.feature_set = %(feature_set)s AND f.set_version = %(version)s
  AND f.event_time BETWEEN %(since)s AND %(until)s AND f.event_time <= asked.latest
  AND f.available_time <= asked.as_of
  AND f.ingest_time <= CASE WHEN %(ingested)s THEN asked.as_of ELSE 'infinity' END
ORDER BY f.event_time DESC, f.revision DESC
LIMIT 1;

-- name: newest value
SELECT f.event_time, f.available_time, f.revision, {content} AS content
FROM feature_values f
WHERE f.entity_key = asked.entity AND f.feature_name = asked.feature AND f.feature_version = %(version)s
  AND f.event_time BETWEEN %(since)s AND %(until)s AND f.event_time <= asked.latest
  AND f.available_time <= asked.as_of
  AND f.ingest_time <= CASE WHEN %(ingested)s THEN asked.as_of ELSE 'infinity' END
ORDER BY f.event_time DESC, f.revision DESC
LIMIT 1;

-- name: sets
SELECT feature_set, set_version, set_hash, features FROM feature_sets;

-- name: definitions
SELECT feature_name, feature_version, value_type FROM feature_definitions;

-- name: open transactions
-- Transactions of others that may still add rows under an ingest_time of their own beginning. A backend of another
-- user hides its times from those who may not see them.
SELECT clock_timestamp(),
       min(xact_start),
       count(*) FILTER (WHERE query = '<insufficient privilege>') > 0 OR current_setting('track_activities') <> 'on'
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND (backend_type = 'client backend' OR backend_type IS NULL)
  AND application_name <> %(reader)s;
