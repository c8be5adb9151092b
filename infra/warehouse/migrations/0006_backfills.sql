-- Runs of `signaltape backfill`: how far each has got. `sections_done` moves in the transaction that adds the rows.
CREATE TABLE backfills (
    run           text        PRIMARY KEY, -- also the feed of its bars
    terms         jsonb       NOT NULL,    -- everything that the rows depend on: file, interval, code …
    sections      bigint      NOT NULL,
    sections_done bigint      NOT NULL DEFAULT 0,
    bars          bigint      NOT NULL,
    bars_done     bigint      NOT NULL DEFAULT 0,
    started_at    timestamptz NOT NULL DEFAULT now(),
    loaded_at     timestamptz,             -- all rows are there
    entered_at    timestamptz              -- the symbols' states are in the log
);
