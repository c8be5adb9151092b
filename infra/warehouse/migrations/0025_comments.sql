-- What each table holds, who writes it, and where it belongs: shown by the database itself, and by the page that is
-- made from it (docs/operations/tables.md).
COMMENT ON TABLE bars IS
    'Every accepted bar, first ones, corrections, late ones and those of other vendors; part of the record. Written by the feature agent.';
COMMENT ON TABLE log_events IS
    'Every other message of the topic bars (watermarks, splits, repairs, control events); part of the record. Written by the feature agent.';
COMMENT ON TABLE features IS
    'Feature vectors, one row per set, symbol and bar; a correction is a further row. Written by the feature agent and the repair job.';
COMMENT ON TABLE feature_sets IS 'Names, order and hash of the features of each set and version.';
COMMENT ON TABLE feature_definitions IS 'Features that were written through the SDK, with the type of their values.';
COMMENT ON TABLE feature_values IS 'Values of features that were computed outside the engine. Written through the SDK.';
COMMENT ON TABLE feature_writers IS 'Which build wrote the engine''s rows, from which revision on.';
COMMENT ON TABLE feature_set_beginnings IS 'From which message on a feature set is computed; earlier rows are loaded in bulk.';
COMMENT ON TABLE added_sets IS 'How far `backfill --from-topic` has come with sets that are being added.';
COMMENT ON TABLE backfills IS 'Runs of `signaltape backfill` and how far each has come.';
COMMENT ON TABLE returns IS
    'Matured log returns (labels), one row per maturing bar, horizons as arrays. Written by the feature agent.';
COMMENT ON TABLE predictions IS 'Every row of every model call with the router''s decision on it. Written by the store.';
COMMENT ON TABLE model_calls IS
    'Every model call: what was asked, of which bytes, how long it took. Written by the store.';
COMMENT ON TABLE signals IS 'Every signal that was emitted. Written by the store.';
COMMENT ON TABLE digests IS
    'Digests of what was derived, per bar time: what `signaltape verify` compares with; part of the record.';
COMMENT ON TABLE deployments IS 'Control events: what was decided about models, pauses and parameters. Written by the store.';
COMMENT ON TABLE control_applied IS 'From which bar on a control event acted on each partition. Written by the store.';
COMMENT ON TABLE drift_metrics IS 'What the drift agent measured, by strategy, subject, metric and session.';
COMMENT ON TABLE drift_revisions IS 'What a metric became after labels were corrected; the first value stays in drift_metrics.';
COMMENT ON TABLE drift_revised_sessions IS 'Sessions that were measured again, and how many corrections that has seen.';
COMMENT ON TABLE alerts IS 'Every alert; those without published_at wait in the outbox. Written by the drift agent and others.';
COMMENT ON TABLE alert_deliveries IS 'Delivery of alerts beside their topic: state, attempts, last error. Written by the responder.';
COMMENT ON TABLE guarded_steps IS 'What was done about a severe alert without a person, or why nothing. Written by the responder.';
COMMENT ON TABLE guard_vetoes IS 'Strategies that the guard must not touch, by whom and until when.';
COMMENT ON TABLE checkpoints IS
    'How far each service has come on each partition, its epoch and state. Changed in the transaction that adds its rows.';
COMMENT ON TABLE agent_state IS 'State of the drift agent, written with its offsets.';
COMMENT ON TABLE engine_snapshots IS 'Kept states of the feature engine, for cold starts, `verify`, `replay` and `backtest`.';
COMMENT ON TABLE repair_requests IS 'Corrections that wait to be recomputed, and what became of each.';
COMMENT ON TABLE models IS 'Registered models: name, version, manifest.';
COMMENT ON TABLE model_artifacts IS 'Files of each model with their SHA-256; the files lie in the artifact folder.';
COMMENT ON TABLE model_metrics IS 'Metrics of each model by data set.';
COMMENT ON TABLE model_training_runs IS 'Every training run from its beginning: parameters, data, source commit, status.';
COMMENT ON TABLE model_comparisons IS 'Comparisons of a challenger with the live model, with verdict and evidence.';
COMMENT ON TABLE model_approvals IS 'Approvals of promotions and rollbacks, every gate with its answer.';
COMMENT ON TABLE model_stages IS 'Each model''s stages over time: staging, production, archived.';
COMMENT ON TABLE datasets IS 'Training datasets that were built: fingerprint, rows, as-of time.';
COMMENT ON TABLE serving_instances IS 'Inference instances that say that they live.';
COMMENT ON TABLE prepare_requests IS 'Models that instances were asked to load before a promotion.';
COMMENT ON TABLE prepare_answers IS 'What each instance answered.';
COMMENT ON TABLE retraining_cycles IS 'Every look that the retraining orchestrator took, and what came of it.';
COMMENT ON TABLE daily_runs IS 'Runs of the daily job, one row a day.';
COMMENT ON TABLE api_audit IS 'Who changed something over HTTP: a row before, a row with how it ended. Append-only.';
COMMENT ON VIEW feature_events IS 'One row per feature, entity and event, over features and feature_values; for people and SQL.';
COMMENT ON VIEW return_values IS 'One row per label: the log return from prediction_time over horizon bars.';
COMMENT ON VIEW model_stage IS 'The present stage of each model.';
COMMENT ON VIEW drift_daily IS 'One row per day and strategy: IC, PSI, Sharpe, and whether there were alerts about them.';
COMMENT ON TABLE schema_migrations IS 'Migrations that were applied, with the checksum of each file.';
