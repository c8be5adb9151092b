-- name: known
-- The newest row that was known at each as-of time. First the near way: each pair looks at the few newest rows of its
-- own stretch of time, which is one chunk, named by constants: one descent in one index, and no look at other chunks.
-- Pairs without an answer there (at a stretch's lower edge, or with a long tail of rows not yet known) go the far way.
--
-- The far way: what is known only grows with time, so the answer for an earlier as-of time is never newer than the one
-- for a later. Each search begins in the index where the one before it ended; where nothing is known at the latest time
-- (history stored later, say) an entity is done after one search, not after one for each pair. A search looks into
-- every chunk of the range, so a far pair costs more than a near one. OFFSET 0 keeps the arrays out of the condition,
-- where they would be read again for every row.
WITH near AS MATERIALIZED ({near}),
waiting AS (
    SELECT near.entity, near.feature, near.number,
           array_agg(near.place ORDER BY near.as_of DESC) AS places,
           array_agg(near.as_of ORDER BY near.as_of DESC) AS moments
    FROM near
    WHERE near.event_time IS NULL
    GROUP BY near.entity, near.feature, near.number
)
SELECT place, number, event_time, available_time, revision, content FROM near WHERE event_time IS NOT NULL
UNION ALL
SELECT waiting.places[far.step], waiting.number, far.event_time, far.available_time, far.revision, far.content
FROM waiting
CROSS JOIN LATERAL (
    WITH RECURSIVE known AS (
        SELECT 1 AS step, newest.*
        FROM (
            SELECT waiting.entity, waiting.feature, waiting.moments[1] AS as_of, waiting.moments[1] AS latest OFFSET 0
        ) AS asked
        CROSS JOIN LATERAL ({newest}) AS newest
        UNION ALL
        SELECT asked.step, newest.*
        FROM (
            SELECT before.step + 1 AS step, waiting.entity, waiting.feature, waiting.moments[before.step + 1] AS as_of,
                   least(before.event_time, waiting.moments[before.step + 1]) AS latest
            FROM known AS before
            WHERE before.step < cardinality(waiting.moments)
            OFFSET 0
        ) AS asked
        CROSS JOIN LATERAL ({newest}) AS newest
    )
    SELECT * FROM known
) AS far

-- name: near
-- One stretch of time [start, stop). A run is a part of one entity's pairs: their places from `first` on, their times
-- (microseconds since 1970) from `base` on.
SELECT asked.*, newest.*
FROM (
    SELECT run.entity, wanted.feature, wanted.number, run.first + step AS place,
           timestamptz 'epoch' + ({moments}::bigint[])[run.base + step] * interval '1 microsecond' AS as_of
    FROM unnest({entities}::text[], {first}::bigint[], {count}::bigint[], {base}::bigint[])
        AS run (entity, first, count, base)
    CROSS JOIN unnest(%(features)s::text[]) WITH ORDINALITY AS wanted (feature, number)
    CROSS JOIN generate_series(0, run.count - 1) AS step
    OFFSET 0
) AS asked
LEFT JOIN LATERAL (
    SELECT f.event_time, f.available_time, f.revision, {content} AS content
    FROM (
        {rows}
          AND f.event_time >= {start} AND f.event_time < {stop} AND f.event_time <= asked.as_of
        ORDER BY f.event_time DESC, f.revision DESC
        LIMIT 16
    ) AS f
    WHERE f.available_time <= asked.as_of
      AND f.ingest_time <= CASE WHEN %(ingested)s THEN asked.as_of ELSE 'infinity' END
    ORDER BY f.event_time DESC, f.revision DESC
    LIMIT 1
) AS newest ON true

-- name: newest
SELECT f.event_time, f.available_time, f.revision, {content} AS content
FROM ({rows} AND f.event_time <= asked.latest) AS f
WHERE f.available_time <= asked.as_of
  AND f.ingest_time <= CASE WHEN %(ingested)s THEN asked.as_of ELSE 'infinity' END
ORDER BY f.event_time DESC, f.revision DESC
LIMIT 1

-- name: vectors
SELECT f.* FROM features f
WHERE f.symbol = asked.entity AND f.interval = %(interval)s
  AND f.feature_set = %(feature_set)s AND f.set_version = %(version)s
  AND f.event_time BETWEEN %(since)s AND %(until)s

-- name: values
SELECT f.* FROM feature_values f
WHERE f.entity_key = asked.entity AND f.feature_name = asked.feature AND f.feature_version = %(version)s
  AND f.event_time BETWEEN %(since)s AND %(until)s

-- name: plain plans
-- For the transaction: a statement that names its chunk by constants needs no node that looks for chunks at each
-- search; without that node a search takes about half the time. Where the extension is missing, nothing reads it.
SELECT set_config('timescaledb.enable_chunk_append', 'off', true);

-- name: stretches
-- Where the chunks of a hypertable begin.
SELECT range_start FROM timescaledb_information.chunks
WHERE hypertable_schema = ANY (current_schemas(false)) AND hypertable_name = %(table)s
ORDER BY range_start;

-- name: partitioned
SELECT to_regclass('timescaledb_information.chunks') IS NOT NULL;

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
