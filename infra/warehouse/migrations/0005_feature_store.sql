-- Features with rows of their own: computed outside the engine, or JSON-valued. What the engine computes stays in
-- `features`, a vector a row, and is not stored here again.

CREATE TABLE feature_definitions (
    feature_name    text        NOT NULL,
    feature_version integer     NOT NULL,
    value_type      text        NOT NULL CHECK (value_type IN ('double', 'json')),
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (feature_name, feature_version)
);

CREATE TABLE feature_values (
    entity_key       text        NOT NULL,
    feature_name     text        NOT NULL,
    feature_version  integer     NOT NULL,
    event_time       timestamptz NOT NULL,
    revision         bigint      NOT NULL, -- 0 is the first value; each correction is a row with the next number
    available_time   timestamptz NOT NULL,
    ingest_time      timestamptz NOT NULL DEFAULT now(),
    value_double     double precision,
    value_json       jsonb,
    producer         text        NOT NULL,
    producer_version text        NOT NULL,
    run_id           text        NOT NULL,
    -- The key is read backwards: the newest value of an entity's feature is its last entry.
    PRIMARY KEY (entity_key, feature_name, feature_version, event_time, revision),
    CHECK (num_nonnulls(value_double, value_json) = 1),
    CHECK (value_double > '-infinity' AND value_double < 'infinity'), -- NaN sorts above infinity
    CHECK (available_time >= event_time)
);

-- Which build wrote the engine's rows: one row when a process with another build takes over, not one a vector. A row
-- of `features` was written by the entry of its kind and partition with the highest first_revision up to its own.
CREATE TABLE feature_writers (
    kind             text        NOT NULL, -- live | correction
    partition        integer     NOT NULL,
    first_revision   bigint      NOT NULL,
    producer         text        NOT NULL,
    producer_version text        NOT NULL, -- git SHA, or the package's version where there is none
    run_id           text        NOT NULL,
    started_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, partition, first_revision)
);

DO $$
DECLARE
    wide    CONSTANT interval := INTERVAL '180 days';
    licence CONSTANT text := current_setting('timescaledb.license', true);
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        RETURN;
    END IF;
    PERFORM create_hypertable(
        'feature_values', 'event_time', chunk_time_interval => wide, create_default_indexes => false);
    IF licence IS DISTINCT FROM 'timescale' THEN
        RETURN;
    END IF;
    ALTER TABLE feature_values SET (
        timescaledb.compress, timescaledb.compress_segmentby = 'entity_key, feature_name, feature_version',
        timescaledb.compress_orderby = 'event_time DESC, revision');
    PERFORM add_compression_policy('feature_values', compress_created_before => wide + INTERVAL '7 days');
    PERFORM add_retention_policy('feature_values', drop_created_before => INTERVAL '10 years');
END $$;

CREATE INDEX feature_values_time ON feature_values USING brin (event_time);

-- One row per feature, entity and event: for people and SQL, over both tables. Values that are undefined are NULL.
DROP VIEW feature_events;
CREATE VIEW feature_events AS
SELECT f.symbol                                          AS entity_key,
       named.feature                                     AS feature_name,
       f.set_version                                     AS feature_version,
       f.event_time,
       f.available_time,
       named.value                                       AS value_double,
       NULL::jsonb                                       AS value_json,
       f.ingest_time,
       coalesce(writer.producer, 'signaltape-features')  AS producer,
       coalesce(writer.producer_version, 'unknown')      AS producer_version,
       coalesce(writer.run_id, format('%s/%s', f.partition, f.revision >> 40)) AS run_id,
       f.feature_set,
       f.interval,
       f.revision,
       f.kind
FROM features f
JOIN feature_sets sets USING (feature_set, set_version)
LEFT JOIN LATERAL (
    SELECT w.producer, w.producer_version, w.run_id
    FROM feature_writers w
    WHERE w.kind = f.kind AND w.partition = f.partition AND w.first_revision <= f.revision
    ORDER BY w.first_revision DESC
    LIMIT 1
) AS writer ON true
CROSS JOIN LATERAL unnest(sets.features, f."values") AS named (feature, value)
UNION ALL
SELECT v.entity_key,
       v.feature_name,
       v.feature_version,
       v.event_time,
       v.available_time,
       v.value_double,
       v.value_json,
       v.ingest_time,
       v.producer,
       v.producer_version,
       v.run_id,
       NULL AS feature_set,
       NULL AS interval,
       v.revision,
       CASE v.revision WHEN 0 THEN 'first' ELSE 'correction' END AS kind
FROM feature_values v;
