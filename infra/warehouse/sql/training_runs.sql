-- name: begin
INSERT INTO model_training_runs
    (run_id, name, parameters, git_sha, dataset_fingerprint, status, started_at, parent, worker)
VALUES (%(run_id)s, %(name)s, %(parameters)s, %(git_sha)s, '', 'running', %(started_at)s, %(parent)s, %(worker)s);

-- name: finish
-- A run that was begun, or one that was never recorded before; never one that has ended.
INSERT INTO model_training_runs AS kept
    (run_id, name, version, parameters, data_from, data_to, git_sha, dataset_fingerprint, status, metrics, started_at,
     finished_at)
VALUES (%(run_id)s, %(name)s, %(version)s, %(parameters)s, %(data_from)s, %(data_to)s, %(git_sha)s, %(fingerprint)s,
        'finished', %(metrics)s, %(started_at)s, %(finished_at)s)
ON CONFLICT (run_id) DO UPDATE
SET version = excluded.version, parameters = excluded.parameters, data_from = excluded.data_from,
    data_to = excluded.data_to, git_sha = excluded.git_sha, dataset_fingerprint = excluded.dataset_fingerprint,
    status = excluded.status, metrics = excluded.metrics, finished_at = excluded.finished_at
WHERE kept.status = 'running'
RETURNING run_id;

-- name: fail
UPDATE model_training_runs SET status = 'failed', reason = %(reason)s, finished_at = now()
WHERE run_id = %(run_id)s AND status = 'running';

-- name: list
SELECT run_id, name, version, status, reason, parameters, metrics, parent, worker, git_sha, dataset_fingerprint,
       started_at, finished_at
FROM model_training_runs
WHERE %(name)s::text = '' OR name = %(name)s
ORDER BY started_at, run_id;
