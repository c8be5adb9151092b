-- name: add approval
INSERT INTO model_approvals (approval_id, action, strategy, name, version, replaces, forced, reason, verdict, by_whom)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s);

-- name: approvals
SELECT approval_id, action, strategy, name, version, replaces, forced, reason, verdict, by_whom, approved_at
FROM model_approvals WHERE approval_id = ANY (%s);

-- name: add stage
-- Only for a version that is registered, and only once for each event.
INSERT INTO model_stages (name, version, stage, strategy, at, by_whom, reason, forced, verdict, event_id, other)
SELECT %(name)s, %(version)s, %(stage)s, %(strategy)s, %(at)s, %(by_whom)s, %(reason)s, %(forced)s, %(verdict)s,
       %(event_id)s, %(other)s
WHERE EXISTS (SELECT FROM models WHERE name = %(name)s AND version = %(version)s)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: recorded events
SELECT DISTINCT event_id FROM model_stages WHERE event_id = ANY (%s);

-- name: newest stages
SELECT name, version, stage, strategy, at, by_whom, reason, forced, verdict, event_id, other FROM model_stage
ORDER BY name, version;

-- name: stages of
SELECT name, version, stage, strategy, at, by_whom, reason, forced, verdict, event_id, other FROM model_stages
WHERE name = %s ORDER BY at, id;

-- name: shadow bars
-- Bar times that the model itself answered as a shadow of the strategy.
SELECT count(DISTINCT event_time) FROM predictions
WHERE strategy = %s AND model = %s AND model_version = %s AND role = 'shadow' AND status = 'ok';
