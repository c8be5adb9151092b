-- name: add
INSERT INTO api_audit (prefix, request_id, who, client, call, outcome, detail)
VALUES (%(prefix)s, %(request_id)s, %(who)s, %(client)s, %(call)s, %(outcome)s, %(detail)s);

-- name: newest
SELECT id, at, request_id, who, client, call, outcome, detail FROM api_audit
WHERE prefix = %(prefix)s AND (%(who)s = '' OR who = %(who)s) AND (%(before)s = 0 OR id < %(before)s)
ORDER BY id DESC LIMIT %(limit)s;
