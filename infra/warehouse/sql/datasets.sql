-- name: symbols
-- Every symbol with a bar or a vector in the range, as known at the as-of time: none is chosen for being there today.
SELECT b.symbol FROM bars b
WHERE b.interval = %(interval)s AND b.event_time > %(after)s AND b.event_time <= %(until)s
  AND b.available_time <= %(as_of)s AND b.ingest_time <= CASE WHEN %(ingested)s THEN %(as_of)s ELSE 'infinity' END
  AND b.status <> 'secondary'
UNION
SELECT f.symbol FROM features f
WHERE f.interval = %(interval)s AND f.event_time > %(after)s AND f.event_time <= %(until)s
  AND f.feature_set = %(feature_set)s AND f.set_version = %(version)s
  AND f.available_time <= %(as_of)s AND f.ingest_time <= CASE WHEN %(ingested)s THEN %(as_of)s ELSE 'infinity' END
ORDER BY 1;

-- name: universe
-- First and last bar of each symbol as known at the as-of time, over all stored bars, with when each became available;
-- nothing for a symbol without bars. Two steps in the key for each symbol.
SELECT named.symbol, first.event_time, first.available_time, last.event_time, last.available_time
FROM unnest(%(symbols)s::text[]) AS named (symbol)
CROSS JOIN LATERAL (
    SELECT b.event_time, b.available_time FROM bars b
    WHERE b.symbol = named.symbol AND b.interval = %(interval)s AND b.event_time <= %(as_of)s
      AND b.available_time <= %(as_of)s AND b.ingest_time <= CASE WHEN %(ingested)s THEN %(as_of)s ELSE 'infinity' END
      AND b.status <> 'secondary'
    ORDER BY b.event_time, b.source, b.revision LIMIT 1
) AS first
CROSS JOIN LATERAL (
    SELECT b.event_time, b.available_time FROM bars b
    WHERE b.symbol = named.symbol AND b.interval = %(interval)s AND b.event_time <= %(as_of)s
      AND b.available_time <= %(as_of)s AND b.ingest_time <= CASE WHEN %(ingested)s THEN %(as_of)s ELSE 'infinity' END
      AND b.status <> 'secondary'
    ORDER BY b.event_time DESC, b.source, b.revision LIMIT 1
) AS last;

-- name: rows
-- One row for each symbol and bar of the range. Features are what was known first: the row that was written live, or
-- filled in from history; a correction came later, so it counts only where there is nothing else, and is marked.
-- Labels are the newest revision that was known at the as-of time; a correction may complete them at another bar.
-- Times that aren't there are 1970, revisions -1, numbers NaN.
WITH wanted AS (
    SELECT * FROM unnest(%(symbols)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
        WITH ORDINALITY AS span (symbol, after, until, place)
), first_known AS (
    SELECT DISTINCT ON (f.symbol, f.event_time)
           wanted.place, f.symbol, f.event_time, f.available_time, f.kind, f."values"
    FROM features f
    JOIN wanted ON wanted.symbol = f.symbol AND f.event_time > wanted.after AND f.event_time <= wanted.until
    WHERE f.symbol = ANY (%(symbols)s) -- for the index, which a hash join doesn't ask
      AND f.interval = %(interval)s AND f.feature_set = %(feature_set)s AND f.set_version = %(version)s
      AND f.event_time > %(after)s AND f.event_time <= %(until)s
      AND f.available_time <= %(as_of)s
      AND f.ingest_time <= CASE WHEN %(ingested)s THEN %(as_of)s ELSE 'infinity' END
    ORDER BY f.symbol, f.event_time, f.kind = 'correction',
             CASE WHEN %(ingested)s THEN greatest(f.available_time, f.ingest_time) ELSE f.available_time END,
             f.revision
), labels AS (
    SELECT DISTINCT ON (r.symbol, label.prediction_time)
           r.symbol, label.prediction_time, r.event_time, r.available_time, label.log_return
    FROM returns r
    CROSS JOIN LATERAL unnest(r.horizons, r.prediction_times, r.log_returns)
        AS label (horizon, prediction_time, log_return)
    WHERE r.symbol = ANY (%(symbols)s) AND r.interval = %(interval)s AND label.horizon = %(horizon)s
      AND r.event_time > %(after)s AND r.event_time <= %(as_of)s
      AND label.prediction_time > %(after)s AND label.prediction_time <= %(until)s
      AND r.available_time <= %(as_of)s
      AND r.ingest_time <= CASE WHEN %(ingested)s THEN %(as_of)s ELSE 'infinity' END
    ORDER BY r.symbol, label.prediction_time, r.revision DESC, r.event_time DESC
)
SELECT known.place,
       known.event_time,
       known.available_time,
       (known.kind = 'correction')::integer::bigint,
       coalesce(labels.event_time, 'epoch'),
       coalesce(labels.available_time, 'epoch'),
       {content}
FROM first_known AS known
LEFT JOIN labels ON labels.symbol = known.symbol AND labels.prediction_time = known.event_time;

-- name: register
INSERT INTO datasets (dataset_id, fingerprint, rows, as_of, detail)
VALUES (%(dataset_id)s, %(fingerprint)s, %(rows)s, %(as_of)s, %(detail)s)
ON CONFLICT DO NOTHING;
