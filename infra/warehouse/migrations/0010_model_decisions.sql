-- What was decided about models, by whom and why. Append-only. Which model is live follows from `control` alone
-- (deployments, control_applied): a stage is a record beside it, keyed by the event that it belongs to.

CREATE TABLE model_comparisons (
    id               bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name             text        NOT NULL,
    version          integer     NOT NULL,
    champion         text,                 -- NULL: no model was live
    champion_version integer,
    strategy         text        NOT NULL, -- empty where the champion was named by hand
    source           text        NOT NULL, -- dataset | live | none
    data             text        NOT NULL, -- fingerprint of the dataset; interval of the stored predictions
    data_from        timestamptz,
    data_to          timestamptz,
    decision         text        NOT NULL CHECK (decision IN ('promote', 'review', 'reject')),
    detail           jsonb       NOT NULL, -- verdict, rules, metrics
    compared_at      timestamptz NOT NULL DEFAULT now(),
    by_whom          text        NOT NULL,
    FOREIGN KEY (name, version) REFERENCES models,
    FOREIGN KEY (champion, champion_version) REFERENCES models (name, version)
);
CREATE INDEX model_comparisons_pair ON model_comparisons (name, version, champion, champion_version, id);

-- Written before the control event whose `cause` names it: so a stage can be filled in after a crash between the two.
CREATE TABLE model_approvals (
    approval_id text        PRIMARY KEY,
    action      text        NOT NULL, -- promote | rollback | staging
    strategy    text        NOT NULL,
    name        text        NOT NULL,
    version     integer     NOT NULL,
    replaces    text        NOT NULL, -- NAME:VERSION, empty for none
    forced      boolean     NOT NULL,
    reason      text        NOT NULL,
    verdict     jsonb       NOT NULL, -- every gate with its answer
    approved_at timestamptz NOT NULL DEFAULT now(),
    by_whom     text        NOT NULL,
    FOREIGN KEY (name, version) REFERENCES models
);

CREATE TABLE model_stages (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name     text        NOT NULL,
    version  integer     NOT NULL,
    stage    text        NOT NULL CHECK (stage IN ('none', 'staging', 'production', 'archived')),
    strategy text        NOT NULL,
    at       timestamptz NOT NULL,
    by_whom  text        NOT NULL,
    reason   text        NOT NULL,
    forced   boolean     NOT NULL,
    verdict  jsonb       NOT NULL,
    event_id text        NOT NULL, -- of the control event, empty where there is none
    other    text        NOT NULL, -- lineage: the model that it replaced, or that replaced it
    FOREIGN KEY (name, version) REFERENCES models
);
-- A record that is filled in twice is there once.
CREATE UNIQUE INDEX model_stages_event ON model_stages (event_id, name, version) WHERE event_id <> '';
CREATE INDEX model_stages_model ON model_stages (name, version, at, id);

CREATE VIEW model_stage AS
SELECT DISTINCT ON (name, version) name, version, stage, strategy, at, by_whom, reason, forced, verdict, event_id, other
FROM model_stages
ORDER BY name, version, at DESC, id DESC;

-- A removed version keeps its number, its metrics and its place in the lineage; its files are gone.
ALTER TABLE models
    ADD COLUMN removed_at     timestamptz,
    ADD COLUMN removed_by     text NOT NULL DEFAULT '',
    ADD COLUMN removed_reason text NOT NULL DEFAULT '';
