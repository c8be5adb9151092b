-- What became of alerts: their delivery beside the topic, and the automatic steps that they led to. Several topic
-- prefixes may share a database.

CREATE TABLE alert_deliveries (
    prefix       text        NOT NULL,
    alert_id     text        NOT NULL,
    sink         text        NOT NULL, -- webhook | file
    state        text        NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead')),
    attempts     integer     NOT NULL DEFAULT 0,
    next_attempt timestamptz NOT NULL DEFAULT now(),
    last_error   text        NOT NULL DEFAULT '',
    topic_offset bigint      NOT NULL, -- of the alert on its topic
    body         text        NOT NULL, -- the alert as JSON
    created_at   timestamptz NOT NULL DEFAULT now(),
    settled_at   timestamptz,          -- delivered, or given up
    PRIMARY KEY (prefix, alert_id, sink)
);
CREATE INDEX alert_deliveries_waiting ON alert_deliveries (prefix, sink, next_attempt) WHERE state = 'waiting';

-- One row for each alert that was severe enough: the step, or why there was none.
CREATE TABLE guarded_steps (
    id             bigint      GENERATED ALWAYS AS IDENTITY UNIQUE,
    prefix         text        NOT NULL,
    alert_id       text        NOT NULL, -- the cause
    strategy       text        NOT NULL,
    session        bigint      NOT NULL, -- of the alert: days since the Unix epoch
    rule           text        NOT NULL,
    severity       text        NOT NULL,
    mode           text        NOT NULL CHECK (mode IN ('dry_run', 'act')),
    drill          text        NOT NULL DEFAULT '', -- its name; empty: a real alert
    state          text        NOT NULL CHECK (state IN ('refused', 'dry_run', 'waiting', 'published', 'void')),
    rung           text        NOT NULL DEFAULT '', -- empty where refused
    words          text        NOT NULL DEFAULT '', -- what the step does
    code           text        NOT NULL DEFAULT '', -- why refused, in one word
    reason         text        NOT NULL,
    passed_over    jsonb       NOT NULL DEFAULT '[]', -- gentler rungs, each with why it couldn't be taken
    replaced       text        NOT NULL DEFAULT '', -- NAME:VERSION of the model that a swap takes out
    event_id       text        NOT NULL DEFAULT '',
    event          jsonb,                -- the control event, NULL where refused
    control_offset bigint,               -- where it lies
    decided_at     timestamptz NOT NULL DEFAULT now(),
    settled_at     timestamptz,          -- published, or void
    PRIMARY KEY (prefix, alert_id)
);
CREATE INDEX guarded_steps_strategy ON guarded_steps (prefix, strategy, id);
CREATE INDEX guarded_steps_outbox ON guarded_steps (prefix, id) WHERE state = 'waiting';

CREATE TABLE guard_vetoes (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prefix      text        NOT NULL,
    strategy    text        NOT NULL,
    reason      text        NOT NULL,
    by_whom     text        NOT NULL,
    said_at     timestamptz NOT NULL DEFAULT now(),
    until       timestamptz,           -- NULL: until it is lifted
    lifted_at   timestamptz,
    lifted_by   text        NOT NULL DEFAULT '',
    lift_reason text        NOT NULL DEFAULT ''
);
CREATE INDEX guard_vetoes_strategy ON guard_vetoes (prefix, strategy, id);
