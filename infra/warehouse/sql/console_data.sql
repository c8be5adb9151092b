-- name: catalogue
-- Every symbol and interval that has bars, with the newest close: two steps in the key's index for each.
WITH RECURSIVE pairs AS (
    (SELECT b.symbol, b.interval, 1 AS number FROM bars b ORDER BY b.symbol, b.interval LIMIT 1)
    UNION ALL
    SELECT following.symbol, following.interval, pairs.number + 1
    FROM pairs
    CROSS JOIN LATERAL (
        SELECT b.symbol, b.interval FROM bars b
        WHERE (b.symbol, b.interval) > (pairs.symbol, pairs.interval)
        ORDER BY b.symbol, b.interval LIMIT 1
    ) AS following
    WHERE pairs.number < %(limit)s
)
SELECT pairs.symbol, pairs.interval, newest.event_time
FROM pairs
CROSS JOIN LATERAL (
    SELECT b.event_time FROM bars b WHERE b.symbol = pairs.symbol AND b.interval = pairs.interval
    ORDER BY b.event_time DESC LIMIT 1
) AS newest;

-- name: first close
SELECT event_time FROM bars WHERE symbol = %(symbol)s AND interval = %(interval)s ORDER BY event_time LIMIT 1;

-- name: bars before
-- The newest stored rows of a symbol's bars that close at or before a time; of each close all revisions and sources.
SELECT event_time, source, feed, revision, status, open, high, low, close, volume, available_time, ingest_time, quality
FROM bars
WHERE symbol = %(symbol)s AND interval = %(interval)s AND event_time <= %(at)s
ORDER BY event_time DESC, revision DESC, source LIMIT %(limit)s;

-- name: newest vector
SELECT max(event_time) FROM features
WHERE symbol = %(symbol)s AND interval = %(interval)s AND event_time <= %(at)s
  AND feature_set = %(feature_set)s AND set_version = %(version)s;

-- name: vectors of a close
SELECT revision, kind, available_time, ingest_time, "values"
FROM features
WHERE symbol = %(symbol)s AND interval = %(interval)s AND event_time = %(close)s
  AND feature_set = %(feature_set)s AND set_version = %(version)s
ORDER BY revision;

-- name: requests of a symbol
SELECT event_time, reason, status, requested_at, as_of_offset
FROM repair_requests
WHERE symbol = %(symbol)s AND interval = %(interval)s ORDER BY id DESC LIMIT %(limit)s;

-- name: corrections
-- The newest requests first; an id to go on from.
SELECT id, symbol, interval, event_time, reason, status, feature_rows, return_rows, requested_at,
       extract(epoch FROM repaired_at - requested_at)::double precision, partition, source_offset, as_of_offset, detail
FROM repair_requests
WHERE (%(symbol)s::text IS NULL OR symbol = %(symbol)s) AND (%(status)s = '' OR status = %(status)s)
  AND (%(before)s::bigint IS NULL OR id < %(before)s)
ORDER BY id DESC LIMIT %(limit)s;

-- name: quality by day
-- Of the bars of each session day: how they came. A bar stamped at midnight closes the day before.
SELECT (date_trunc('day', event_time - interval '1 microsecond') + interval '1 day') AS session, interval,
       count(*) FILTER (WHERE status IN ('first', 'late')), count(*) FILTER (WHERE status = 'late'),
       count(*) FILTER (WHERE status = 'correction'), count(*) FILTER (WHERE status = 'secondary'),
       count(*) FILTER (WHERE quality <> 0),
       count(*) FILTER (WHERE quality & %(gap)s <> 0), count(*) FILTER (WHERE quality & %(spike)s <> 0),
       count(*) FILTER (WHERE quality & %(stale)s <> 0), count(*) FILTER (WHERE quality & %(zero_volume)s <> 0),
       (max(extract(epoch FROM available_time - event_time)) FILTER (WHERE status IN ('first', 'late')))::double precision
FROM bars
WHERE event_time > %(after)s AND event_time <= %(until)s AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: coverage
-- First bars of each symbol and session day.
SELECT symbol, (date_trunc('day', event_time - interval '1 microsecond') + interval '1 day') AS session, count(*)
FROM bars
WHERE interval = %(interval)s AND event_time > %(after)s AND event_time <= %(until)s
  AND status IN ('first', 'late') AND symbol = ANY (%(symbols)s)
GROUP BY 1, 2;

-- name: coverage of all
-- Of each session day: symbols that have bars, bars, and the most that one symbol has.
SELECT session, count(*), sum(bars)::bigint, max(bars)
FROM (
    SELECT symbol, (date_trunc('day', event_time - interval '1 microsecond') + interval '1 day') AS session,
           count(*) AS bars
    FROM bars
    WHERE interval = %(interval)s AND event_time > %(after)s AND event_time <= %(until)s
      AND status IN ('first', 'late')
    GROUP BY 1, 2
) AS counted
GROUP BY session ORDER BY session;
