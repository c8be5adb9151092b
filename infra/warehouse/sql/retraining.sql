-- name: metrics
-- What monitoring found about a strategy since a session.
-- Two policies may have measured the same: the number is the same, and counts once.
SELECT DISTINCT ON (session, subject, metric)
       subject, metric, (extract(epoch FROM session) / 86400)::integer - 1, verdict, value, sample_size, detail
FROM drift_metrics
WHERE strategy = %(strategy)s AND metric = %(metric)s AND session > %(after)s
ORDER BY session, subject, metric, policy;

-- name: alerts
SELECT alert_id, policy, rule, severity, subject, coalesce((body ->> 'session')::integer, 0),
       coalesce(body ->> 'message', ''), coalesce(body -> 'evidence', '{}')
FROM alerts WHERE strategy IN (%(strategy)s, '') AND event_time > %(after)s AND severity = ANY (%(severities)s)
ORDER BY event_time, alert_id;

-- name: answered
-- Alerts that a cycle took up. One that failed or was abandoned answered nothing: they fire again.
SELECT DISTINCT unnest(alert_ids) FROM retraining_cycles
WHERE strategy = %(strategy)s AND status IN ('proposed', 'promoted', 'rejected');

-- name: last made
SELECT max(finished_at) FROM retraining_cycles
WHERE strategy = %(strategy)s AND status IN ('proposed', 'promoted', 'rejected');

-- name: add
INSERT INTO retraining_cycles (cycle_id, strategy, status, reason, forced, champion, triggers, alert_ids, by_whom, worker,
                               finished_at)
VALUES (%(cycle_id)s, %(strategy)s, %(status)s, %(reason)s, %(forced)s, %(champion)s, %(triggers)s, %(alert_ids)s,
        %(by_whom)s, %(worker)s, CASE WHEN %(status)s = 'running' THEN NULL ELSE now() END);

-- name: step
UPDATE retraining_cycles SET stage = %(stage)s, detail = detail || %(detail)s
WHERE cycle_id = %(cycle_id)s AND status = 'running';

-- name: end
UPDATE retraining_cycles
SET status = %(status)s, outcome = %(outcome)s, challenger = %(challenger)s, detail = detail || %(detail)s,
    finished_at = now()
WHERE cycle_id = %(cycle_id)s AND status = 'running'
RETURNING cycle_id;

-- name: abandon
-- Only under the lock of cycles: then nobody works on what is marked as running.
UPDATE retraining_cycles
SET status = 'abandoned', finished_at = now(),
    outcome = 'its process (' || worker || ') ended during stage ' || coalesce(nullif(stage, ''), 'look')
WHERE status = 'running'
RETURNING cycle_id;

-- name: list
SELECT cycle_id, strategy, status, stage, reason, outcome, forced, champion, challenger, triggers, alert_ids, detail,
       by_whom, worker, started_at, finished_at
FROM retraining_cycles
WHERE (%(cycle_id)s = '' OR cycle_id = %(cycle_id)s) AND (%(strategy)s = '' OR strategy = %(strategy)s)
  AND started_at > %(after)s AND started_at <= %(until)s
ORDER BY started_at DESC, cycle_id DESC LIMIT %(limit)s;

-- name: dataset request
-- What the dataset of a training run was asked for, with its universe.
SELECT detail -> 'request' FROM datasets WHERE fingerprint = %(fingerprint)s ORDER BY created_at DESC LIMIT 1;

-- name: clock
SELECT clock_timestamp();
