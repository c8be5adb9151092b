-- name: counts
SELECT symbol, interval, count(*), count(*) FILTER (WHERE status = 'secondary'), count(*) FILTER (WHERE quality <> 0),
       count(*) FILTER (WHERE quality & %(gap)s <> 0), count(*) FILTER (WHERE quality & %(spike)s <> 0),
       count(*) FILTER (WHERE quality & %(stale)s <> 0), count(*) FILTER (WHERE quality & %(zero_volume)s <> 0)
FROM bars
WHERE (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
  AND event_time > %(after)s::timestamptz AND event_time <= %(until)s::timestamptz
GROUP BY symbol, interval ORDER BY symbol, interval;

-- name: examples
-- The newest marked bars of each symbol, interval and kind.
SELECT symbol, interval, bit, event_time, source, revision, close
FROM (
    SELECT b.symbol, b.interval, kind.bit, b.event_time, b.source, b.revision, b.close,
           row_number() OVER (PARTITION BY b.symbol, b.interval, kind.bit
                              ORDER BY b.event_time DESC, b.source, b.revision DESC) AS place
    FROM bars b JOIN unnest(%(bits)s::integer[]) AS kind (bit) ON b.quality & kind.bit <> 0
    WHERE b.quality <> 0 AND (%(symbol)s::text IS NULL OR b.symbol = %(symbol)s)
      AND b.event_time > %(after)s::timestamptz AND b.event_time <= %(until)s::timestamptz
) AS marked
WHERE place <= %(limit)s
ORDER BY symbol, interval, bit, event_time DESC;
