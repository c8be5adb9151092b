-- Inference instances that say that they live, and what a promotion asks of them before it begins. Several topic
-- prefixes may share a database.

CREATE TABLE serving_instances (
    prefix      text        NOT NULL,
    instance    integer     NOT NULL,
    incarnation text        NOT NULL, -- of the process: one that was started again is another
    host        text        NOT NULL,
    pid         integer     NOT NULL,
    partitions  integer[]   NOT NULL DEFAULT '{}',
    started_at  timestamptz NOT NULL DEFAULT now(),
    seen_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (prefix, instance)
);

CREATE TABLE prepare_requests (
    request_id   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prefix       text        NOT NULL,
    model        text        NOT NULL,
    version      integer     NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    open_until   timestamptz NOT NULL
);

CREATE TABLE prepare_answers (
    request_id  bigint      NOT NULL REFERENCES prepare_requests,
    incarnation text        NOT NULL,
    instance    integer     NOT NULL,
    reason      text        NOT NULL, -- why the model can't be served there; empty: it is loaded, checked and warm
    elapsed_ms  double precision NOT NULL,
    answered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (request_id, incarnation)
);
