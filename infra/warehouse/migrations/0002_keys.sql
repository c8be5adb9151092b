-- Keys, hypertables, and the views that people read.
--
-- Keys hold the column that chunks are cut by (event_time, session), as hypertables demand. They begin with the
-- symbol, so that the newest row of a symbol is one backward step in the index; the BRIN indexes serve reads of all
-- symbols over a span of time and cost almost nothing to keep.

ALTER TABLE bars ADD PRIMARY KEY (symbol, interval, event_time, source, revision);
ALTER TABLE features ADD PRIMARY KEY (symbol, interval, event_time, feature_set, set_version, revision);
ALTER TABLE returns ADD PRIMARY KEY (symbol, interval, event_time, revision);
ALTER TABLE predictions
    ADD PRIMARY KEY (symbol, interval, event_time, strategy, model, model_version, role, source_offset);
ALTER TABLE signals ADD PRIMARY KEY (symbol, event_time, signal_id);
ALTER TABLE drift_metrics ADD PRIMARY KEY (policy, strategy, subject, metric, session);
ALTER TABLE alerts ADD PRIMARY KEY (alert_id, event_time);

DO $$
DECLARE
    -- A chunk should hold its indexes in memory, and a history of 13 years should need few of them: a new chunk costs
    -- some 10 ms, and each one that a transaction touches costs a look-up. `set_chunk_time_interval` changes it.
    wide   CONSTANT interval := INTERVAL '180 days';
    sparse CONSTANT interval := INTERVAL '5 years';
    licence CONSTANT text := current_setting('timescaledb.license', true);
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        RAISE WARNING 'TimescaleDB is not installed: plain tables, no chunks, no compression, no retention';
        RETURN;
    END IF;
    PERFORM create_hypertable('bars', 'event_time', chunk_time_interval => wide, create_default_indexes => false);
    PERFORM create_hypertable('features', 'event_time', chunk_time_interval => wide, create_default_indexes => false);
    PERFORM create_hypertable('returns', 'event_time', chunk_time_interval => wide, create_default_indexes => false);
    PERFORM create_hypertable('predictions', 'event_time', chunk_time_interval => wide, create_default_indexes => false);
    PERFORM create_hypertable('signals', 'event_time', chunk_time_interval => wide, create_default_indexes => false);
    PERFORM create_hypertable('drift_metrics', 'session', chunk_time_interval => sparse, create_default_indexes => false);
    PERFORM create_hypertable('alerts', 'event_time', chunk_time_interval => sparse, create_default_indexes => false);

    IF licence IS DISTINCT FROM 'timescale' THEN
        RETURN;
    END IF;
    -- By the chunk's age, not by the bars': history that was filled in yesterday is not old data yet.
    ALTER TABLE bars SET (
        timescaledb.compress, timescaledb.compress_segmentby = 'symbol, interval',
        timescaledb.compress_orderby = 'event_time DESC, source, revision');
    ALTER TABLE features SET (
        timescaledb.compress, timescaledb.compress_segmentby = 'symbol, interval, feature_set, set_version',
        timescaledb.compress_orderby = 'event_time DESC, revision');
    ALTER TABLE returns SET (
        timescaledb.compress, timescaledb.compress_segmentby = 'symbol, interval',
        timescaledb.compress_orderby = 'event_time DESC, revision');
    ALTER TABLE predictions SET (
        timescaledb.compress, timescaledb.compress_segmentby = 'symbol, interval, strategy, model, model_version, role',
        timescaledb.compress_orderby = 'event_time DESC, source_offset');
    PERFORM add_compression_policy(name::regclass, compress_created_before => wide + INTERVAL '7 days')
        FROM unnest(ARRAY['bars', 'features', 'returns', 'predictions']) AS name;
    -- Bars, log_events, signals and alerts are the record: they are kept. What follows from them may go.
    PERFORM add_retention_policy(name::regclass, drop_created_before => INTERVAL '10 years')
        FROM unnest(ARRAY['features', 'returns', 'predictions']) AS name;
END $$;

CREATE INDEX bars_time ON bars USING brin (event_time);
CREATE INDEX features_time ON features USING brin (event_time);
CREATE INDEX returns_time ON returns USING brin (event_time);
CREATE INDEX predictions_time ON predictions USING brin (event_time);
CREATE INDEX signals_time ON signals (event_time DESC);
CREATE INDEX alerts_outbox ON alerts (event_time) WHERE published_at IS NULL;
CREATE INDEX repair_requests_open ON repair_requests (partition, source_offset) WHERE status = 'open';

-- One row per feature and vector: for people and SQL. Values that are undefined are NULL.
CREATE VIEW feature_events AS
SELECT f.symbol                                          AS entity_key,
       named.feature                                     AS feature_name,
       f.set_version                                     AS feature_version,
       f.event_time,
       named.value                                       AS value_double,
       f.ingest_time,
       'signaltape-features'::text                       AS producer,
       sets.set_hash                                     AS producer_version,
       format('%s/%s', f.partition, f.revision)          AS run_id,
       f.feature_set,
       f.interval,
       f.available_time,
       f.revision,
       f.kind
FROM features f
JOIN feature_sets sets USING (feature_set, set_version)
CROSS JOIN LATERAL unnest(sets.features, f."values") AS named (feature, value);

-- One row per label: the return from prediction_time over horizon bars, known since available_time.
CREATE VIEW return_values AS
SELECT r.symbol,
       r.interval,
       label.prediction_time,
       label.horizon,
       label.log_return,
       r.event_time,
       r.revision,
       r.available_time,
       r.ingest_time,
       r.kind,
       r.partition
FROM returns r
CROSS JOIN LATERAL unnest(r.horizons, r.prediction_times, r.log_returns) AS label (horizon, prediction_time, log_return);
