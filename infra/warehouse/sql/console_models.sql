-- name: versions
-- The newest versions, with the newest run that made each.
SELECT m.name, m.version, m.strategy_type, m.description, m.created_at,
       m.manifest ->> 'family', m.manifest ->> 'feature_set', (m.manifest ->> 'set_version')::int,
       m.manifest -> 'intervals', (m.manifest ->> 'horizon')::int, m.manifest ->> 'sha256',
       run.data_from, run.data_to, run.finished_at, run.dataset_fingerprint, run.git_sha
FROM models m
LEFT JOIN LATERAL (
    SELECT data_from, data_to, finished_at, dataset_fingerprint, git_sha FROM model_training_runs r
    WHERE r.name = m.name AND r.version = m.version ORDER BY started_at DESC LIMIT 1
) AS run ON true
WHERE m.removed_at IS NULL
ORDER BY m.created_at DESC, m.name, m.version DESC
LIMIT %(limit)s;

-- name: count of versions
SELECT count(*) FROM models WHERE removed_at IS NULL;

-- name: newest metrics
-- The newest value of each metric that is asked for.
SELECT DISTINCT ON (name, version, dataset, metric) name, version, dataset, metric, value
FROM model_metrics WHERE metric = ANY (%(metrics)s)
ORDER BY name, version, dataset, metric, recorded_at DESC;

-- name: newest calls
-- Of each partition's newest calls: how long they took, and whether the newest one was kept from its model.
SELECT c.strategy, c.role, c.model, c.model_version, count(*), count(DISTINCT c.event_time),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY c.model_latency_ns) / 1e6,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY c.model_latency_ns) / 1e6,
       count(*) FILTER (WHERE c.deadline_missed), count(*) FILTER (WHERE c.breaker_open),
       count(*) FILTER (WHERE c.place = 1 AND c.breaker_open), max(c.event_time), sum(c.symbols)::bigint
FROM (
    SELECT found.*, row_number() OVER (
        PARTITION BY found.partition, found.strategy, found.role, found.model, found.model_version
        ORDER BY found.event_time DESC, found.source_offset DESC) AS place
    FROM generate_series(0, %(partitions)s - 1) AS one (number)
    CROSS JOIN LATERAL (
        SELECT * FROM model_calls m WHERE m.partition = one.number ORDER BY m.event_time DESC LIMIT %(calls)s
    ) AS found
) AS c
GROUP BY c.strategy, c.role, c.model, c.model_version
ORDER BY c.strategy, c.role, c.model, c.model_version;

-- name: approvals of
SELECT approval_id, action, strategy, name, version, replaces, forced, reason, verdict, by_whom, approved_at
FROM model_approvals WHERE name = %(name)s AND version = %(version)s ORDER BY approved_at DESC LIMIT %(limit)s;

-- name: comparisons of
SELECT id, name, version, champion, champion_version, strategy, source, data, data_from, data_to, decision, detail,
       compared_at, by_whom
FROM model_comparisons
WHERE (name = %(name)s AND version = %(version)s) OR (champion = %(name)s AND champion_version = %(version)s)
ORDER BY id DESC LIMIT %(limit)s;

-- name: newest bar of strategy
-- Over the partitions' newest calls, so that no index on time alone is needed.
SELECT max(found.event_time)
FROM generate_series(0, %(partitions)s - 1) AS one (number)
CROSS JOIN LATERAL (
    SELECT event_time FROM model_calls m
    WHERE m.partition = one.number AND m.strategy = %(strategy)s ORDER BY m.event_time DESC LIMIT 1
) AS found;

-- name: shadow course
-- Spans of time: the rows that a shadow and the serving model both answered themselves, and how many differ.
SELECT format('%%s:%%s', s.model, s.model_version) AS shadow,
       (extract(epoch FROM date_bin(%(width)s, s.event_time, %(start)s::timestamptz)) * 1000000)::bigint AS at,
       count(*), count(*) FILTER (WHERE abs(s.score - v.score) > %(tolerance)s),
       count(*) FILTER (WHERE s.direction <> v.direction)
FROM predictions s
JOIN predictions v ON v.symbol = s.symbol AND v.interval = s.interval AND v.event_time = s.event_time
    AND v.source_offset = s.source_offset AND v.strategy = s.strategy
WHERE s.strategy = %(strategy)s AND s.role = 'shadow' AND s.status = 'ok'
  AND v.role IN ('live', 'arm') AND v.status = 'ok'
  AND s.event_time > %(start)s AND s.event_time <= %(end)s
  AND v.event_time > %(start)s AND v.event_time <= %(end)s
GROUP BY 1, 2 ORDER BY 1, 2;
