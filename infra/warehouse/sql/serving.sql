-- name: appear
-- The newest process of an instance number is the one that counts, as it is the one that isn't fenced.
INSERT INTO serving_instances (prefix, instance, incarnation, host, pid)
VALUES (%(prefix)s, %(instance)s, %(incarnation)s, %(host)s, %(pid)s)
ON CONFLICT (prefix, instance) DO UPDATE
SET incarnation = excluded.incarnation, host = excluded.host, pid = excluded.pid, partitions = '{}',
    started_at = excluded.started_at, seen_at = excluded.seen_at;

-- name: beat
UPDATE serving_instances SET seen_at = clock_timestamp(), partitions = %(partitions)s
WHERE prefix = %(prefix)s AND instance = %(instance)s AND incarnation = %(incarnation)s;

-- name: leave
DELETE FROM serving_instances
WHERE prefix = %(prefix)s AND instance = %(instance)s AND incarnation = %(incarnation)s;

-- name: instances
SELECT instance, incarnation, host, pid, partitions,
       extract(epoch FROM clock_timestamp() - seen_at)::double precision AS silent_s
FROM serving_instances WHERE prefix = %(prefix)s ORDER BY instance;

-- name: ask
INSERT INTO prepare_requests (prefix, model, version, open_until)
VALUES (%(prefix)s, %(model)s, %(version)s, now() + make_interval(secs => %(deadline_s)s))
RETURNING request_id;

-- name: wake
SELECT pg_notify('signaltape_prepare', %(prefix)s);

-- name: listen
LISTEN signaltape_prepare;

-- name: close
UPDATE prepare_requests SET open_until = least(open_until, now()) WHERE request_id = %(request_id)s;

-- name: unanswered
SELECT request_id, model, version FROM prepare_requests AS asked
WHERE prefix = %(prefix)s AND open_until > now() AND NOT EXISTS
    (SELECT FROM prepare_answers AS given
     WHERE given.request_id = asked.request_id AND given.incarnation = %(incarnation)s)
ORDER BY request_id;

-- name: answer
INSERT INTO prepare_answers (request_id, incarnation, instance, reason, elapsed_ms)
VALUES (%(request_id)s, %(incarnation)s, %(instance)s, %(reason)s, %(elapsed_ms)s)
ON CONFLICT DO NOTHING;

-- name: answers
SELECT incarnation, reason, elapsed_ms FROM prepare_answers WHERE request_id = %(request_id)s;
