-- name: lock
SELECT pg_advisory_lock(hashtextextended('signaltape-backfill', 0));

-- name: run
SELECT terms, sections, sections_done, bars, bars_done, loaded_at IS NOT NULL, entered_at IS NOT NULL
FROM backfills WHERE run = %(run)s;

-- name: begin
INSERT INTO backfills (run, terms, sections, bars) VALUES (%(run)s, %(terms)s, %(sections)s, %(bars)s);

-- name: move
-- Only from where this process thinks the run is: a second one that loads the same run moves nothing.
UPDATE backfills
SET sections_done = %(done)s,
    bars_done = bars_done + %(bars)s,
    loaded_at = CASE WHEN %(done)s = sections THEN now() END
WHERE run = %(run)s AND sections_done = %(before)s;

-- name: entered
UPDATE backfills SET entered_at = now() WHERE run = %(run)s AND loaded_at IS NOT NULL;

-- name: analyze
-- The planner knows nothing of rows that came in bulk until it has looked: reads would be planned for empty tables.
ANALYZE bars, features, returns;

-- name: stored bars
-- What is stored of some symbols in an interval, by where it came from: the log (generation above 0) or a backfill.
SELECT symbol, generation > 0, min(feed), min(source), max(source), min(event_time), max(event_time), count(*)
FROM bars
WHERE interval = %(interval)s AND symbol = ANY (%(symbols)s)
GROUP BY 1, 2;

-- name: splits
SELECT payload FROM log_events WHERE type = 'Adjustment';
