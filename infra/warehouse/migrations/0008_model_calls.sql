-- One row a model call, whatever the number of its rows in `predictions`: what was asked, with which bytes, and what a
-- replay can't derive. The input of the call is the live row of `features` with the same source_offset.
CREATE TABLE model_calls (
    strategy         text        NOT NULL,
    model            text        NOT NULL,
    model_version    integer     NOT NULL,
    role             text        NOT NULL,
    interval         text        NOT NULL,
    event_time       timestamptz NOT NULL,
    source_offset    bigint      NOT NULL, -- of the bar message that was scored
    source_part      integer     NOT NULL, -- place of its vectors among what it yielded
    model_sha256     text        NOT NULL, -- of the ONNX file; empty for a shadow that could not be loaded
    feature_set      text        NOT NULL,
    set_version      integer     NOT NULL,
    set_hash         text        NOT NULL,
    horizon          integer     NOT NULL,
    symbols          integer     NOT NULL, -- how many
    deadline_missed  boolean     NOT NULL,
    breaker_open     boolean     NOT NULL,
    numerics         text        NOT NULL, -- fingerprint of the host's arithmetic; empty where it was not recorded
    model_latency_ns bigint      NOT NULL,
    partition        integer     NOT NULL, -- of predictions
    topic_offset     bigint      NOT NULL,
    ingest_time      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partition, event_time, source_offset, interval, strategy, model, model_version, role)
);

-- Rows of one build on another machine need not have the same bits: a writer is told by its arithmetic too.
ALTER TABLE feature_writers ADD COLUMN numerics text NOT NULL DEFAULT '';

DO $$
DECLARE
    wide    CONSTANT interval := INTERVAL '180 days';
    licence CONSTANT text := current_setting('timescaledb.license', true);
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        RETURN;
    END IF;
    PERFORM create_hypertable('model_calls', 'event_time', chunk_time_interval => wide, create_default_indexes => false);
    IF licence IS DISTINCT FROM 'timescale' THEN
        RETURN;
    END IF;
    ALTER TABLE model_calls SET (
        timescaledb.compress, timescaledb.compress_segmentby = 'partition, interval, strategy, model',
        timescaledb.compress_orderby = 'event_time DESC, source_offset');
    PERFORM add_compression_policy('model_calls', compress_created_before => wide + INTERVAL '7 days');
    PERFORM add_retention_policy('model_calls', drop_created_before => INTERVAL '10 years');
END $$;
