-- A run is a row from its first moment, whether it ends as a version, as one candidate of a search, or not at all.
-- metrics: {data set: {metric: value}}. parent: the run whose search this one is a candidate of. worker: host:pid.
ALTER TABLE model_training_runs
    ADD COLUMN reason  text  NOT NULL DEFAULT '',
    ADD COLUMN metrics jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN parent  text  NOT NULL DEFAULT '',
    ADD COLUMN worker  text  NOT NULL DEFAULT '',
    ADD CONSTRAINT model_training_runs_status CHECK (status IN ('running', 'finished', 'failed'));
CREATE INDEX model_training_runs_started ON model_training_runs (started_at);
