-- name: add
INSERT INTO alert_deliveries (prefix, alert_id, sink, topic_offset, body)
SELECT %(prefix)s, %(alert_id)s, sink, %(topic_offset)s, %(body)s FROM unnest(%(sinks)s::text[]) AS sink
ON CONFLICT DO NOTHING;

-- name: next
-- Clocks of several machines don't matter: it is the database's.
SELECT alert_id, attempts, topic_offset, body FROM alert_deliveries
WHERE prefix = %(prefix)s AND sink = %(sink)s AND state = 'waiting' AND next_attempt <= clock_timestamp()
ORDER BY next_attempt, topic_offset LIMIT 1;

-- name: waiting
SELECT count(*), extract(epoch FROM min(next_attempt) - clock_timestamp())::double precision FROM alert_deliveries
WHERE prefix = %(prefix)s AND sink = %(sink)s AND state = 'waiting';

-- name: failed
UPDATE alert_deliveries SET attempts = %(attempts)s, last_error = %(error)s,
       next_attempt = clock_timestamp() + make_interval(secs => %(pause_s)s)
WHERE prefix = %(prefix)s AND alert_id = %(alert_id)s AND sink = %(sink)s AND state = 'waiting';

-- name: settled
UPDATE alert_deliveries SET state = %(state)s, attempts = %(attempts)s, last_error = %(error)s, settled_at = now()
WHERE prefix = %(prefix)s AND alert_id = %(alert_id)s AND sink = %(sink)s AND state = 'waiting';

-- name: alerts
SELECT a.alert_id, a.event_time, a.severity, a.rule, a.strategy, a.subject, a.body ->> 'message', a.published_at,
       coalesce((SELECT jsonb_object_agg(d.sink, jsonb_build_object('state', d.state, 'attempts', d.attempts,
                                         'last_error', d.last_error))
                 FROM alert_deliveries d WHERE d.prefix = %(prefix)s AND d.alert_id = a.alert_id), '{}') AS deliveries
FROM alerts a
WHERE (%(strategy)s = '' OR a.strategy = %(strategy)s) AND a.severity = ANY (%(severities)s)
  AND (%(rule)s = '' OR a.rule = %(rule)s)
  AND (%(ids)s::text[] IS NULL OR a.alert_id = ANY (%(ids)s))
  AND (%(state)s = '' OR EXISTS (SELECT FROM alert_deliveries d
                                 WHERE d.prefix = %(prefix)s AND d.alert_id = a.alert_id AND d.state = %(state)s))
ORDER BY a.event_time DESC, a.alert_id LIMIT %(limit)s;
