-- name: features
-- How many symbols each set has per interval, and how old their newest vectors are: one step in the key's index for
-- each symbol, interval and set that is still written. A set that a symbol has no rows of costs a look at all of its
-- entries, hence the limit of time.
WITH RECURSIVE pairs AS (
    (SELECT f.symbol, f.interval FROM features f ORDER BY f.symbol, f.interval LIMIT 1)
    UNION ALL
    SELECT following.symbol, following.interval
    FROM pairs
    CROSS JOIN LATERAL (
        SELECT f.symbol, f.interval FROM features f
        WHERE (f.symbol, f.interval) > (pairs.symbol, pairs.interval)
        ORDER BY f.symbol, f.interval LIMIT 1
    ) AS following
)
SELECT sets.feature_set, sets.set_version, pairs.interval, count(*), max(newest.event_time),
       extract(epoch FROM clock_timestamp() - max(newest.event_time))::double precision,
       count(*) FILTER (WHERE newest.event_time < clock_timestamp() - %(limit)s)
FROM pairs
CROSS JOIN feature_sets sets
CROSS JOIN LATERAL (
    SELECT f.event_time FROM features f
    WHERE f.symbol = pairs.symbol AND f.interval = pairs.interval
      AND f.feature_set = sets.feature_set AND f.set_version = sets.set_version
    ORDER BY f.event_time DESC, f.revision DESC
    LIMIT 1
) AS newest
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- name: bars
-- How many symbols have bars, by interval.
WITH RECURSIVE pairs AS (
    (SELECT b.symbol, b.interval FROM bars b ORDER BY b.symbol, b.interval LIMIT 1)
    UNION ALL
    SELECT following.symbol, following.interval
    FROM pairs
    CROSS JOIN LATERAL (
        SELECT b.symbol, b.interval FROM bars b
        WHERE (b.symbol, b.interval) > (pairs.symbol, pairs.interval)
        ORDER BY b.symbol, b.interval LIMIT 1
    ) AS following
)
SELECT interval, count(*) FROM pairs GROUP BY interval;

-- name: patience
SET LOCAL statement_timeout = '5s';

-- name: sets
SELECT feature_set, set_version FROM feature_sets ORDER BY 1, 2;

-- name: tables
SELECT to_regclass('features') IS NOT NULL AND to_regclass('repair_requests') IS NOT NULL;

-- name: repairs
SELECT symbol, interval, count(*) FROM repair_requests WHERE status = 'open' GROUP BY 1, 2 ORDER BY 1, 2;
