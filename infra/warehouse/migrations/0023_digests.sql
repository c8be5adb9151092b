-- Digests of what the agents derived, per bar time: written in the transaction that adds the rows, one row for what a
-- round added of a stage, subject and bar time on a partition. Append-only; a reader adds them up, modulo 2^64.
--
-- They are part of the record, like bars and log_events, and are kept when the rows that they describe expire: what is
-- computed anew from the bars can be held against them then, too. They are few: bar times, not symbols.
CREATE TABLE digests (
    stage       text        NOT NULL, -- features | corrections | predictions | signals
    subject     text        NOT NULL, -- the set, or strategy/model:version/role; empty for signals
    interval    text        NOT NULL,
    event_time  timestamptz NOT NULL, -- close of the bar
    partition   integer     NOT NULL,
    origin      text        NOT NULL CHECK (origin IN ('live', 'rows')), -- rows: made later, from what was stored
    generation  bigint      NOT NULL, -- of the log that the round's offsets count in; 0: not known
    next_offset bigint      NOT NULL, -- end of the round, in bars, predictions or signals; 0: made from rows
    numerics    text        NOT NULL, -- fingerprint of the arithmetic; empty where none matters or is known
    row_count   bigint      NOT NULL CHECK (row_count > 0),
    first_lane  bigint      NOT NULL,
    second_lane bigint      NOT NULL,
    ingest_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_time, interval, stage, subject, partition, origin, generation, next_offset, numerics)
);

DO $$
DECLARE
    wide    CONSTANT interval := INTERVAL '180 days';
    licence CONSTANT text := current_setting('timescaledb.license', true);
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        RETURN;
    END IF;
    PERFORM create_hypertable('digests', 'event_time', chunk_time_interval => wide, create_default_indexes => false);
    IF licence IS DISTINCT FROM 'timescale' THEN
        RETURN;
    END IF;
    ALTER TABLE digests SET (
        timescaledb.compress, timescaledb.compress_segmentby = 'stage, subject, interval, partition, origin, numerics',
        timescaledb.compress_orderby = 'event_time DESC, generation, next_offset');
    PERFORM add_compression_policy('digests', compress_created_before => wide + INTERVAL '7 days');
END $$;
