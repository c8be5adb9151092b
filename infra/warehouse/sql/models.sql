-- name: lock name
-- One registration of a name at a time, so that versions have no race; released with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('signaltape model ' || %s, 0));

-- name: newest version
SELECT coalesce(max(version), 0) FROM models WHERE name = %s;

-- name: insert model
INSERT INTO models (name, version, strategy_type, description, manifest) VALUES (%s, %s, %s, %s, %s);

-- name: insert artifact
INSERT INTO model_artifacts (name, version, kind, path, sha256, size) VALUES (%s, %s, %s, %s, %s, %s);

-- name: insert metric
INSERT INTO model_metrics (name, version, dataset, metric, value, higher_is_better) VALUES (%s, %s, %s, %s, %s, %s);

-- name: get model
SELECT name, version, manifest, created_at, removed_at, removed_by, removed_reason FROM models WHERE name = %s AND version = %s;

-- name: list models
SELECT name, version, manifest, created_at, removed_at, removed_by, removed_reason FROM models
ORDER BY name, version;

-- name: names
-- Newest version that wasn't removed, 0 if all were.
SELECT name, coalesce(max(version) FILTER (WHERE removed_at IS NULL), 0) FROM models GROUP BY name ORDER BY name;

-- name: best
-- The newest value of the metric for each version; ties go to the newer version.
SELECT named.name, named.version, newest.value
FROM models named
CROSS JOIN LATERAL (
    SELECT m.value FROM model_metrics m
    WHERE m.name = named.name AND m.version = named.version AND m.dataset = %(dataset)s AND m.metric = %(metric)s
    ORDER BY m.recorded_at DESC, m.value LIMIT 1
) AS newest
WHERE named.strategy_type = %(strategy_type)s AND named.removed_at IS NULL
ORDER BY CASE WHEN %(higher_is_better)s THEN -newest.value ELSE newest.value END, named.created_at DESC,
         named.name, named.version DESC
LIMIT %(limit)s;

-- name: known metrics
SELECT DISTINCT m.dataset, m.metric, m.higher_is_better
FROM model_metrics m JOIN models named USING (name, version)
WHERE named.strategy_type = %s AND named.removed_at IS NULL ORDER BY 1, 2;

-- name: remove
UPDATE models SET removed_at = now(), removed_by = %s, removed_reason = %s
WHERE name = %s AND version = %s AND removed_at IS NULL;

-- name: artifacts
SELECT kind, path, sha256, size FROM model_artifacts WHERE name = %s AND version = %s ORDER BY kind;

-- name: metrics
SELECT dataset, metric, value, higher_is_better FROM model_metrics WHERE name = %s AND version = %s
ORDER BY dataset, metric, recorded_at;

-- name: runs
SELECT run_id, parameters, data_from, data_to, git_sha, dataset_fingerprint, metrics, started_at, finished_at
FROM model_training_runs WHERE name = %s AND version = %s ORDER BY started_at;

-- name: metric times
SELECT dataset, count(DISTINCT recorded_at), min(recorded_at), max(recorded_at)
FROM model_metrics WHERE name = %s AND version = %s GROUP BY dataset ORDER BY dataset;
