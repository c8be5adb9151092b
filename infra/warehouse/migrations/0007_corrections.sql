-- What became of a repair request: open, done, or failed; detail says where the recomputation began, or why it
-- failed. Requests of one symbol that are answered together share as_of_offset; the rows are counted at the one whose
-- revision they carry.

ALTER TABLE repair_requests
    ADD COLUMN as_of_offset bigint,
    ADD COLUMN repaired_at  timestamptz,
    ADD COLUMN feature_rows bigint NOT NULL DEFAULT 0,
    ADD COLUMN return_rows  bigint NOT NULL DEFAULT 0,
    ADD COLUMN detail       text   NOT NULL DEFAULT '';

CREATE INDEX repair_requests_symbol ON repair_requests (symbol, interval, source_offset);
