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
SELECT name, version, manifest, created_at FROM models WHERE name = %s AND version = %s;

-- name: list models
SELECT name, version, manifest, created_at FROM models ORDER BY name, version;

-- name: names
SELECT name, max(version) FROM models GROUP BY name ORDER BY name;

-- name: artifacts
SELECT kind, path, sha256, size FROM model_artifacts WHERE name = %s AND version = %s ORDER BY kind;

-- name: metrics
SELECT dataset, metric, value, higher_is_better FROM model_metrics WHERE name = %s AND version = %s
ORDER BY dataset, metric, recorded_at;

-- name: runs
SELECT run_id, parameters, data_from, data_to, git_sha, dataset_fingerprint, metrics, started_at, finished_at
FROM model_training_runs WHERE name = %s AND version = %s ORDER BY started_at;
