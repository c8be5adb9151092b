-- From where on the feature agent computes a set. A set that was added to a log under way has its earlier rows from
-- `signaltape backfill --from-topic`; rows of a revision below revision_of(generation, live_from) are those.
CREATE TABLE feature_set_beginnings (
    topic            text        NOT NULL,
    partition        integer     NOT NULL,
    feature_set      text        NOT NULL,
    set_version      integer     NOT NULL,
    generation       bigint      NOT NULL DEFAULT 0, -- of the log that the offsets count in; 0: from its beginning
    live_from        bigint      NOT NULL DEFAULT 0, -- messages from here on have their rows from the agent
    published_from   bigint      NOT NULL DEFAULT 0, -- messages from here on were never published without the set
    producer_version text,                           -- the build that made the rows before
    run_id           text,
    since            timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, feature_set, set_version)
);

-- How far `backfill --from-topic` has come on a partition: rows of the new sets are there below next_offset, and
-- `state` is the engine before it. Gone once the agent has the sets.
CREATE TABLE added_sets (
    topic            text        NOT NULL,
    partition        integer     NOT NULL,
    code_hash        text        NOT NULL, -- the computation with the new sets
    first_generation bigint      NOT NULL,
    next_offset      bigint      NOT NULL,
    state            bytea       NOT NULL,
    updated_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition)
);

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
       CASE WHEN added.run_id IS NOT NULL THEN 'signaltape-backfill'
            ELSE coalesce(writer.producer, 'signaltape-features') END AS producer,
       coalesce(added.producer_version, writer.producer_version, 'unknown') AS producer_version,
       coalesce(added.run_id, writer.run_id, format('%s/%s', f.partition, f.revision >> 40)) AS run_id,
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
LEFT JOIN LATERAL (
    SELECT b.producer_version, b.run_id
    FROM feature_set_beginnings b
    WHERE b.feature_set = f.feature_set AND b.set_version = f.set_version AND b.partition = f.partition
      AND b.run_id IS NOT NULL AND f.revision < (b.generation << 40 | (b.live_from + 1))
    ORDER BY b.since
    LIMIT 1
) AS added ON true
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
