-- name: measures
-- One row: a number for each question that the system answers itself. Percentages are NULL where there is nothing to
-- count yet: that is no answer, neither 0 nor 100.
WITH runs AS (
    SELECT r.*, EXISTS (SELECT FROM datasets d WHERE d.fingerprint = r.dataset_fingerprint) AS on_dataset
    FROM model_training_runs r WHERE r.status = 'finished'
), kept AS (
    SELECT m.*, (SELECT coalesce(array_agg(a.kind), '{}') FROM model_artifacts a
                 WHERE (a.name, a.version) = (m.name, m.version)) AS kinds
    FROM models m WHERE m.removed_at IS NULL
), made AS (
    SELECT kept.* FROM kept WHERE EXISTS (
        SELECT FROM runs WHERE (runs.name, runs.version) = (kept.name, kept.version))
), promoted AS (
    SELECT * FROM model_approvals WHERE action = 'promote'
), people AS (
    SELECT by_whom FROM model_approvals UNION SELECT by_whom FROM model_comparisons
    UNION SELECT issued_by FROM deployments
)
SELECT
    (SELECT count(*) FROM datasets)                                                         AS datasets,
    (SELECT 100.0 * avg(on_dataset::integer) FROM runs)                                     AS runs_on_datasets,
    (SELECT 100.0 * avg(((detail ->> 'final')::boolean)::integer) FROM datasets)            AS datasets_final,
    (SELECT count(*) FROM (SELECT FROM bars LIMIT 1) AS one)                                AS bars,
    (SELECT 100.0 * avg((status <> 'open')::integer) FROM repair_requests)                  AS repairs_done,
    (SELECT count(*) FROM model_training_runs)                                              AS runs,
    (SELECT count(*) FROM model_training_runs WHERE parent <> '')                           AS candidates,
    (SELECT 100.0 * avg((parameters ? 'seed')::integer) FROM runs)                          AS runs_seeded,
    (SELECT 100.0 * avg((git_sha <> '')::integer) FROM runs)                                AS runs_with_sha,
    (SELECT count(*) FROM model_comparisons WHERE source <> 'none')                         AS comparisons,
    (SELECT count(*) FROM deployments WHERE action = 'shadow')                              AS shadows,
    (SELECT count(DISTINCT parameters ->> 'experiment') FROM deployments WHERE action = 'experiment') AS experiments,
    (SELECT count(*) FROM (SELECT FROM features LIMIT 1) AS one)                            AS features,
    (SELECT count(*) FROM feature_sets)                                                     AS feature_sets,
    (SELECT 100.0 * avg((coalesce(manifest ->> 'set_hash', '') <> '')::integer) FROM kept)  AS models_with_hash,
    (SELECT count(*) FROM feature_writers)                                                  AS feature_writers,
    (SELECT count(*) FROM feature_definitions)                                              AS feature_definitions,
    (SELECT 100.0 * avg(('card.html' = ANY (kinds))::integer) FROM kept)                    AS models_with_card,
    (SELECT count(*) FROM model_approvals WHERE action = 'staging')                         AS staged,
    (SELECT 100.0 * avg((manifest -> 'training' ? 'first_test_time')::integer) FROM made)   AS models_split,
    (SELECT count(*) FROM retraining_cycles)                                                AS cycles,
    (SELECT count(*) FROM retraining_cycles WHERE NOT forced AND status IN ('proposed', 'promoted')) AS cycles_made,
    (SELECT 100.0 * avg(('model_tests.json' = ANY (kinds))::integer) FROM kept)             AS models_tested,
    (SELECT 100.0 * avg((coalesce((parameters ->> 'walk_forward')::integer, 0) > 0)::integer) FROM runs) AS models_walked,
    (SELECT count(*) FROM kept)                                                             AS models,
    (SELECT coalesce(max(version), 0) FROM models)                                          AS versions,
    (SELECT 100.0 * avg(EXISTS (SELECT FROM model_stages s
                                WHERE (s.name, s.version) = (kept.name, kept.version))::integer) FROM kept) AS models_staged,
    (SELECT 100.0 * (SELECT count(*) FROM made) / nullif(count(*), 0) FROM kept)            AS models_with_run,
    (SELECT 100.0 * avg(EXISTS (SELECT FROM model_metrics x
                                WHERE (x.name, x.version) = (kept.name, kept.version))::integer) FROM kept) AS models_with_metrics,
    (SELECT 100.0 * avg((EXISTS (SELECT FROM unnest(kinds) AS kind WHERE starts_with(kind, 'golden')))::integer) FROM kept) AS models_golden,
    (SELECT count(*) FROM models WHERE removed_at IS NOT NULL)
        + (SELECT count(*) FROM model_stage WHERE stage = 'archived')                       AS retired,
    (SELECT count(*) FROM deployments)                                                      AS control_events,
    (SELECT 100.0 * avg((NOT forced)::integer) FROM promoted)                               AS unforced,
    (SELECT count(*) FROM deployments WHERE action = 'rollback')                            AS rollbacks,
    (SELECT count(*) FROM control_applied)                                                  AS applied,
    (SELECT count(DISTINCT instance) FROM serving_instances)                                AS instances,
    (SELECT count(*) FROM (SELECT FROM predictions LIMIT 1) AS one)                         AS predictions,
    (SELECT 100.0 * avg((coalesce(manifest ->> 'fallback', '') <> '')::integer) FROM kept)  AS models_fallback,
    (SELECT count(DISTINCT session) FROM drift_metrics WHERE metric = 'ic' AND value IS NOT NULL) AS sessions_ic,
    (SELECT count(DISTINCT session) FROM drift_metrics WHERE metric = 'psi' AND value IS NOT NULL) AS sessions_psi,
    (SELECT count(DISTINCT session) FROM drift_metrics WHERE metric = 'feature_psi' AND value IS NOT NULL) AS sessions_feature_psi,
    (SELECT count(DISTINCT session) FROM drift_metrics WHERE policy = 'calibrated')         AS sessions_calibrated,
    (SELECT 100.0 * avg((state = 'delivered')::integer) FROM alert_deliveries)              AS delivered,
    (SELECT count(*) FROM guarded_steps WHERE drill = '')                                   AS guarded,
    (SELECT count(*) FROM daily_runs WHERE status = 'done')                                 AS daily,
    (SELECT count(*) FROM (SELECT FROM model_calls LIMIT 1) AS one)                         AS calls,
    (SELECT 100.0 * avg((btrim(reason) <> '')::integer) FROM deployments)                   AS reasons,
    (SELECT count(*) FROM promoted)                                                         AS approvals,
    (SELECT count(*) FROM guard_vetoes)                                                     AS vetoes,
    (SELECT count(*) FROM people)                                                           AS people,
    (SELECT count(DISTINCT split_part(worker, ':', 1)) FROM model_training_runs WHERE worker <> '') AS hosts;
