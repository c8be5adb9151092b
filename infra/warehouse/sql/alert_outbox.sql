-- name: add alerts
INSERT INTO alerts (alert_id, event_time, policy, rule, severity, strategy, subject, body)
SELECT one.alert_id, to_timestamp(one.event_time_s), one.policy, one.rule, one.severity, one.strategy, one.subject,
       one.body
FROM unnest(%(ids)s::text[], %(event_times_s)s::bigint[], %(policies)s::text[], %(rules)s::text[],
            %(severities)s::text[], %(strategies)s::text[], %(subjects)s::text[], %(bodies)s::jsonb[])
     AS one (alert_id, event_time_s, policy, rule, severity, strategy, subject, body)
ON CONFLICT DO NOTHING;

-- name: take turns
-- Two writers that find the same thing wait for each other.
SELECT pg_advisory_xact_lock(hashtextextended(one.alert_id, 0))
FROM (SELECT unnest(%(ids)s::text[]) AS alert_id ORDER BY 1) AS one;

-- name: add alerts once
-- Whoever finds it first; another's could have another time, which is part of the key.
INSERT INTO alerts (alert_id, event_time, policy, rule, severity, strategy, subject, body)
SELECT one.alert_id, to_timestamp(one.event_time_s), one.policy, one.rule, one.severity, one.strategy, one.subject,
       one.body
FROM unnest(%(ids)s::text[], %(event_times_s)s::bigint[], %(policies)s::text[], %(rules)s::text[],
            %(severities)s::text[], %(strategies)s::text[], %(subjects)s::text[], %(bodies)s::jsonb[])
     AS one (alert_id, event_time_s, policy, rule, severity, strategy, subject, body)
WHERE NOT EXISTS (SELECT FROM alerts AS kept WHERE kept.alert_id = one.alert_id);

-- name: waiting alerts
SELECT body::text FROM alerts WHERE published_at IS NULL ORDER BY event_time, strategy, subject, rule;

-- name: mark published
UPDATE alerts SET published_at = now() WHERE alert_id = ANY (%(ids)s) AND published_at IS NULL;
