-- name: expected
-- What each shadow of a strategy was to predict: rows and bar times of the serving models' calls that name it.
SELECT shadow, c.interval, count(DISTINCT c.event_time), sum(c.symbols)::bigint, min(c.event_time), max(c.event_time)
FROM model_calls c
CROSS JOIN LATERAL unnest(c.shadows) AS shadow
WHERE c.strategy = %(strategy)s AND c.role IN ('live', 'arm')
  AND c.event_time > %(after)s::timestamptz AND c.event_time <= %(until)s::timestamptz
GROUP BY shadow, c.interval ORDER BY shadow, c.interval;

-- name: recorded
-- What each shadow did predict; `answered` by the model itself.
SELECT format('%%s:%%s', p.model, p.model_version), p.interval, count(*), count(*) FILTER (WHERE p.status = 'ok')
FROM predictions p
WHERE p.strategy = %(strategy)s AND p.role = 'shadow'
  AND p.event_time > %(after)s::timestamptz AND p.event_time <= %(until)s::timestamptz
GROUP BY p.model, p.model_version, p.interval;

-- name: compared
-- Rows that a shadow and the serving model both answered themselves.
SELECT format('%%s:%%s', s.model, s.model_version), s.interval,
       count(*), count(DISTINCT s.event_time),
       count(*) FILTER (WHERE abs(s.score - v.score) > %(tolerance)s),
       avg(abs(s.score - v.score)), max(abs(s.score - v.score)), corr(s.score, v.score),
       count(*) FILTER (WHERE s.direction <> v.direction),
       count(*) FILTER (WHERE (s.direction = 'long' AND v.direction = 'short')
                           OR (s.direction = 'short' AND v.direction = 'long'))
FROM predictions s
JOIN predictions v ON v.symbol = s.symbol AND v.interval = s.interval AND v.event_time = s.event_time
    AND v.source_offset = s.source_offset AND v.strategy = s.strategy
WHERE s.strategy = %(strategy)s AND s.role = 'shadow' AND s.status = 'ok'
  AND v.role IN ('live', 'arm') AND v.status = 'ok'
  AND s.event_time > %(after)s::timestamptz AND s.event_time <= %(until)s::timestamptz
  AND v.event_time > %(after)s::timestamptz AND v.event_time <= %(until)s::timestamptz
GROUP BY s.model, s.model_version, s.interval;
