-- One row for each look that the retraining orchestrator took, those in which nothing fired included. `running` of a
-- process that is gone becomes `abandoned` when the next cycle begins.
CREATE TABLE retraining_cycles (
    cycle_id    text        PRIMARY KEY,
    strategy    text        NOT NULL, -- empty: no strategy had a live model
    status      text        NOT NULL CHECK (status IN (
        'quiet', 'held', 'running', 'proposed', 'promoted', 'rejected', 'failed', 'abandoned')),
    stage       text        NOT NULL DEFAULT '', -- the last one that began
    reason      text        NOT NULL,            -- why a model was made, or why not
    outcome     text        NOT NULL DEFAULT '', -- what came of it, or what went wrong
    forced      boolean     NOT NULL,
    champion    text        NOT NULL DEFAULT '', -- NAME:VERSION that was live
    challenger  text        NOT NULL DEFAULT '', -- NAME:VERSION that was made
    triggers    jsonb       NOT NULL,            -- each with its verdict and evidence
    alert_ids   text[]      NOT NULL DEFAULT '{}', -- that it took up
    detail      jsonb       NOT NULL DEFAULT '{}', -- dataset, pipeline run, comparison, gates
    by_whom     text        NOT NULL,
    worker      text        NOT NULL,            -- host:pid
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX retraining_cycles_started ON retraining_cycles (started_at);
CREATE INDEX retraining_cycles_strategy ON retraining_cycles (strategy, started_at);

-- One row a day and job: what was run, and when. A run of a process that is gone is begun again.
CREATE TABLE daily_runs (
    job         text        NOT NULL,
    day         date        NOT NULL, -- in the job's time zone
    status      text        NOT NULL CHECK (status IN ('running', 'done', 'failed')),
    detail      jsonb       NOT NULL DEFAULT '{}',
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (job, day)
);
