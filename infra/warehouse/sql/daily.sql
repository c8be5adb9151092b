-- name: metrics
-- Two policies may have measured the same: the number is the same, and counts once.
SELECT DISTINCT ON (session, strategy, subject, metric)
       strategy, subject, metric, (extract(epoch FROM session) / 86400)::integer - 1, verdict, value, sample_size, detail
FROM drift_metrics
WHERE session > %(after)s AND session <= %(until)s AND metric = ANY (%(metrics)s)
ORDER BY session, strategy, subject, metric, policy;

-- name: alerts
SELECT alert_id, policy, rule, severity, strategy, subject, event_time, coalesce(body ->> 'message', '')
FROM alerts WHERE event_time > %(after)s AND event_time <= %(until)s
ORDER BY event_time, alert_id;

-- name: control
SELECT issued_at, action, strategy, model, model_version, issued_by, reason, cause
FROM deployments WHERE issued_at > %(after)s AND issued_at <= %(until)s
ORDER BY issued_at, generation, control_offset;

-- name: guard
SELECT decided_at, strategy, rule, severity, mode, state, coalesce(nullif(words, ''), reason), drill
FROM guarded_steps WHERE prefix = %(prefix)s AND decided_at > %(after)s AND decided_at <= %(until)s
ORDER BY id;

-- name: begin
-- A day that is done stays done; one that a dead or failed run has left is begun again.
INSERT INTO daily_runs (job, day, status) VALUES (%(job)s, %(day)s, 'running')
ON CONFLICT (job, day) DO UPDATE SET status = 'running', started_at = now(), finished_at = NULL
WHERE daily_runs.status <> 'done'
RETURNING day;

-- name: end
UPDATE daily_runs SET status = %(status)s, detail = %(detail)s, finished_at = now() WHERE job = %(job)s AND day = %(day)s;

-- name: newest
SELECT max(day) FROM daily_runs WHERE job = %(job)s AND status = 'done';
