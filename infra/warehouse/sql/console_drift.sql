-- name: series
-- Every series that was ever measured, with its newest session, those of the newest first.
SELECT strategy, subject, count(*), min(session), max(session)
FROM drift_metrics
WHERE policy = %(policy)s AND metric = 'ic'
GROUP BY strategy, subject ORDER BY max(session) DESC, strategy, subject LIMIT %(limit)s;

-- name: newest alerts of series
SELECT strategy, subject, count(*), max(event_time) FROM alerts GROUP BY strategy, subject;

-- name: course
-- The metrics of a series in its newest sessions, oldest first; hours of a session are left out.
SELECT metric, session, verdict, value, sample_size, detail
FROM drift_metrics
WHERE policy = %(policy)s AND strategy = %(strategy)s AND subject = %(subject)s AND metric = ANY (%(metrics)s)
  AND session >= (SELECT min(session) FROM (
        SELECT session FROM drift_metrics
        WHERE policy = %(policy)s AND strategy = %(strategy)s AND subject = %(subject)s AND metric = 'ic'
        ORDER BY session DESC LIMIT %(days)s) AS last)
ORDER BY metric, session;

-- name: revisions
-- What metrics became after corrections of their labels: of each session the newest.
SELECT DISTINCT ON (session) session, value, sample_size, revision FROM drift_revisions
WHERE strategy = %(strategy)s AND subject = %(subject)s AND metric = 'ic' AND session >= %(since)s
ORDER BY session, revision DESC;

-- name: feature course
-- PSI of every feature of a model on an interval, over the newest sessions that have one.
SELECT subject, session, verdict, value, sample_size,
       (detail ->> 'chance')::double precision, (detail ->> 'ks_p')::double precision, detail ->> 'reason'
FROM drift_metrics
WHERE policy = %(policy)s AND strategy = %(strategy)s AND starts_with(subject, %(prefix)s)
  AND metric = 'feature_psi' AND session >= %(since)s AND session <= %(until)s
ORDER BY subject, session;

-- name: one feature
SELECT session, verdict, value, sample_size, detail
FROM drift_metrics
WHERE policy = %(policy)s AND strategy = %(strategy)s AND subject = %(subject)s AND metric = 'feature_psi'
  AND session >= %(since)s
ORDER BY session;

-- name: state size
SELECT octet_length(state), updated_at FROM agent_state WHERE service = %(service)s AND key = %(key)s;

-- name: alerts of series
-- Alerts that belong into a series' picture: its own, oldest first.
SELECT alert_id, event_time, rule, severity, body FROM alerts
WHERE strategy = %(strategy)s AND subject = %(subject)s AND event_time >= %(since)s
ORDER BY event_time, alert_id LIMIT %(limit)s;

-- name: alerts by rule
SELECT rule, count(*) FROM alerts
WHERE (%(strategy)s = '' OR strategy = %(strategy)s) AND severity = ANY (%(severities)s)
GROUP BY rule ORDER BY rule;

-- name: newest of rules
-- The newest alert of each strategy, subject and rule that is named.
SELECT DISTINCT ON (a.strategy, a.subject, a.rule) a.alert_id
FROM alerts a
JOIN unnest(%(strategies)s::text[], %(subjects)s::text[], %(rules)s::text[]) AS named (strategy, subject, rule)
  USING (strategy, subject, rule)
ORDER BY a.strategy, a.subject, a.rule, a.event_time DESC;

-- name: alert bodies
SELECT alert_id, body FROM alerts WHERE alert_id = ANY (%(ids)s);

-- name: steps of alerts
SELECT decided_at, strategy, session, rule, severity, mode, drill, state, rung, words, code, reason, passed_over,
       replaced, event_id, control_offset, settled_at, alert_id
FROM guarded_steps WHERE prefix = %(prefix)s AND alert_id = ANY (%(ids)s) ORDER BY id;
