-- name: open
SELECT id, generation, partition, source_offset, symbol, interval, event_time
FROM repair_requests WHERE status = 'open' ORDER BY partition, source_offset, symbol, interval;

-- name: source
-- Of which source a symbol's features are made.
SELECT source FROM bars WHERE symbol = %(symbol)s AND interval = %(interval)s AND status <> 'secondary'
ORDER BY event_time LIMIT 1;

-- name: bars
-- A symbol's bars as the log had them at an offset: of each time the highest revision. Generations before the first
-- of this log lie wholly before it.
SELECT DISTINCT ON (event_time)
       event_time, open, high, low, close, volume, revision, available_time,
       CASE WHEN generation < %(first_generation)s THEN -1 ELSE source_offset END
FROM bars
WHERE symbol = %(symbol)s AND interval = %(interval)s AND source = %(source)s AND event_time > %(after)s
  AND (generation < %(first_generation)s OR source_offset <= %(as_of)s)
ORDER BY event_time, revision DESC;

-- name: splits
SELECT CASE WHEN generation < %(first_generation)s THEN -1 ELSE source_offset END, payload
FROM log_events
WHERE partition = %(partition)s AND type = 'Adjustment'
  AND (generation < %(first_generation)s OR source_offset <= %(as_of)s)
ORDER BY generation, source_offset;

-- name: snapshots
-- Kept states of before `since` that no later correction of the symbol reaches back into, newest first.
SELECT s.generation, s.source_offset, s.event_time
FROM engine_snapshots s
WHERE s.partition = %(partition)s AND s.code_hash = %(code_hash)s AND s.generation >= %(first_generation)s
  AND s.source_offset <= %(as_of)s AND s.event_time < %(since)s
  AND NOT EXISTS (SELECT FROM repair_requests r
                  WHERE r.symbol = %(symbol)s AND r.interval = %(interval)s AND r.partition = s.partition
                    AND r.generation >= %(first_generation)s AND r.source_offset >= s.source_offset
                    AND r.event_time <= s.event_time)
ORDER BY s.source_offset DESC LIMIT 8;

-- name: state repairs
-- States that entered the log behind an offset, of every symbol whose message holds these bytes.
SELECT source_offset, payload FROM log_events
WHERE partition = %(partition)s AND type = 'StateRepair' AND generation >= %(first_generation)s
  AND source_offset BETWEEN %(first)s AND %(as_of)s AND position(convert_to(%(symbol)s, 'UTF8') IN payload) > 0;

-- name: snapshot
SELECT snapshot FROM engine_snapshots
WHERE partition = %(partition)s AND generation = %(generation)s AND source_offset = %(source_offset)s;

-- name: features before
SELECT DISTINCT ON (event_time) event_time, "values", close
FROM features
WHERE symbol = %(symbol)s AND interval = %(interval)s AND event_time >= %(since)s
  AND feature_set = %(feature_set)s AND set_version = %(set_version)s AND revision < %(revision)s
ORDER BY event_time, revision DESC;

-- name: returns before
SELECT DISTINCT ON (event_time) event_time, horizons, prediction_times, log_returns
FROM returns
WHERE symbol = %(symbol)s AND interval = %(interval)s AND event_time >= %(since)s AND revision < %(revision)s
ORDER BY event_time, revision DESC;

-- name: finish
-- The newest of the requests answered together carries the counts: its offset is in the rows' revision.
UPDATE repair_requests AS q
SET status = 'done', as_of_offset = %(as_of)s, repaired_at = clock_timestamp(), detail = %(detail)s,
    feature_rows = CASE WHEN q.id = %(newest)s THEN
        (SELECT count(*) FROM features f WHERE f.symbol = %(symbol)s AND f.interval = %(interval)s
          AND f.event_time >= %(since)s AND f.revision = %(revision)s AND f.kind = 'correction') ELSE 0 END,
    return_rows = CASE WHEN q.id = %(newest)s THEN
        (SELECT count(*) FROM returns r WHERE r.symbol = %(symbol)s AND r.interval = %(interval)s
          AND r.event_time >= %(since)s AND r.revision = %(revision)s AND r.kind = 'correction') ELSE 0 END
WHERE q.id = ANY (%(ids)s) AND q.status = 'open';

-- name: fail
UPDATE repair_requests SET status = 'failed', repaired_at = clock_timestamp(), detail = %(detail)s
WHERE id = ANY (%(ids)s) AND status = 'open';

-- name: list
SELECT symbol, interval, event_time, reason, status, feature_rows, return_rows, requested_at,
       extract(epoch FROM repaired_at - requested_at)::double precision, partition, source_offset, as_of_offset, detail
FROM repair_requests
WHERE %(symbol)s::text IS NULL OR symbol = %(symbol)s
ORDER BY id;
