-- name: history
SELECT session, rung, replaced, decided_at FROM guarded_steps
WHERE prefix = %(prefix)s AND strategy = %(strategy)s AND mode = %(mode)s AND drill = %(drill)s AND state <> 'void'
ORDER BY id;

-- name: veto in force
SELECT strategy, reason, by_whom, until FROM guard_vetoes
WHERE prefix = %(prefix)s AND strategy = %(strategy)s AND lifted_at IS NULL AND (until IS NULL OR until > now())
ORDER BY id DESC LIMIT 1;

-- name: vetoes in force
SELECT strategy, reason, by_whom, until FROM guard_vetoes
WHERE prefix = %(prefix)s AND lifted_at IS NULL AND (until IS NULL OR until > now()) ORDER BY strategy, id;

-- name: take turns
SELECT pg_advisory_xact_lock(hashtextextended('signaltape veto ' || %(prefix)s || %(strategy)s, 0));

-- name: add veto
INSERT INTO guard_vetoes (prefix, strategy, reason, by_whom, until)
VALUES (%(prefix)s, %(strategy)s, %(reason)s, %(by_whom)s, %(until)s);

-- name: lift veto
UPDATE guard_vetoes SET lifted_at = now(), lifted_by = %(by_whom)s, lift_reason = %(reason)s
WHERE prefix = %(prefix)s AND strategy = %(strategy)s AND lifted_at IS NULL AND (until IS NULL OR until > now());

-- name: registered models
SELECT name, version FROM models WHERE removed_at IS NULL;

-- name: add step
INSERT INTO guarded_steps (prefix, alert_id, strategy, session, rule, severity, mode, drill, state, rung, words, code,
                           reason, passed_over, replaced, event_id, event)
VALUES (%(prefix)s, %(alert_id)s, %(strategy)s, %(session)s, %(rule)s, %(severity)s, %(mode)s, %(drill)s, %(state)s,
        %(rung)s, %(words)s, %(code)s, %(reason)s, %(passed_over)s, %(replaced)s, %(event_id)s, %(event)s)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: waiting steps
SELECT alert_id, event::text, replaced FROM guarded_steps
WHERE prefix = %(prefix)s AND state = 'waiting' ORDER BY id;

-- name: settle step
UPDATE guarded_steps
SET state = %(state)s, control_offset = %(control_offset)s, settled_at = now(),
    reason = CASE WHEN %(why)s = '' THEN reason ELSE reason || '; ' || %(why)s END
WHERE prefix = %(prefix)s AND alert_id = %(alert_id)s AND state = 'waiting';

-- name: steps
SELECT decided_at, strategy, session, rule, severity, mode, drill, state, rung, words, code, reason, passed_over,
       replaced, event_id, control_offset, settled_at, alert_id
FROM guarded_steps
WHERE prefix = %(prefix)s AND (%(strategy)s = '' OR strategy = %(strategy)s)
  AND (%(drill)s::text IS NULL OR drill = %(drill)s)
ORDER BY id DESC LIMIT %(limit)s;
