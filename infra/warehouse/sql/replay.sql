-- name: symbols
-- For each symbol: is there a bar of it in the log at all, and how many first ones close in the range.
SELECT s.symbol,
       EXISTS (SELECT FROM bars b WHERE b.symbol = s.symbol AND b.generation > 0),
       (SELECT count(*) FROM bars b WHERE b.symbol = s.symbol AND b.generation > 0 AND b.status = 'first'
          AND b.event_time >= %(start)s AND b.event_time <= %(end)s)
FROM unnest(%(symbols)s::text[]) AS s (symbol);

-- name: feature sets
SELECT feature_set, set_version, set_hash FROM feature_sets;

-- name: counts
-- What the agents made of a range of time.
SELECT (SELECT count(*) FROM bars WHERE event_time >= %(start)s AND event_time <= %(end)s),
       (SELECT count(*) FROM features WHERE event_time >= %(start)s AND event_time <= %(end)s),
       (SELECT count(*) FROM predictions WHERE event_time >= %(start)s AND event_time <= %(end)s),
       (SELECT count(*) FROM signals WHERE event_time >= %(start)s AND event_time <= %(end)s),
       (SELECT count(*) FROM alerts WHERE event_time >= %(start)s AND event_time <= %(end)s);

-- name: all signals
SELECT count(*) FROM signals;

-- name: open repairs
SELECT count(*) FROM repair_requests WHERE status = 'open';
