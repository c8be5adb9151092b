-- The facts of the pipeline. Append-only: a correction is a new row, old rows never change.
-- ingest_time is the transaction's timestamp; no table is keyed by it.

CREATE TABLE checkpoints (
    service         text        NOT NULL,
    topic           text        NOT NULL,
    partition       integer     NOT NULL,
    topic_id        text        NOT NULL,
    generation      bigint      NOT NULL DEFAULT 1,
    first_generation bigint     NOT NULL DEFAULT 1, -- in which this topic id was first seen
    epoch           bigint      NOT NULL DEFAULT 0,
    effect_offset   bigint      NOT NULL DEFAULT 0,
    snapshot_offset bigint      NOT NULL DEFAULT 0,
    snapshot        bytea,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (service, topic, partition)
);

CREATE TABLE bars (
    symbol         text             NOT NULL,
    interval       text             NOT NULL,
    event_time     timestamptz      NOT NULL,
    source         text             NOT NULL,
    revision       bigint           NOT NULL,
    available_time timestamptz      NOT NULL,
    ingest_time    timestamptz      NOT NULL DEFAULT now(),
    feed           text             NOT NULL,
    status         text             NOT NULL, -- first | correction | late | secondary
    open           double precision NOT NULL,
    high           double precision NOT NULL,
    low            double precision NOT NULL,
    close          double precision NOT NULL,
    volume         double precision,
    generation     integer          NOT NULL DEFAULT 1, -- of the log that source_offset counts in
    partition      integer          NOT NULL,
    source_offset  bigint           NOT NULL,
    row_index      integer          NOT NULL
);

-- Every other message of the bars topic, so that the log can be replayed after the topic's retention.
CREATE TABLE log_events (
    generation    integer     NOT NULL DEFAULT 1,
    partition     integer     NOT NULL,
    source_offset bigint      NOT NULL,
    type          text        NOT NULL,
    event_time    timestamptz NOT NULL,
    payload       bytea       NOT NULL,
    ingest_time   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partition, generation, source_offset)
);

CREATE TABLE feature_sets (
    feature_set text        NOT NULL,
    set_version integer     NOT NULL,
    set_hash    text        NOT NULL,
    features    text[]      NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (feature_set, set_version)
);

CREATE TABLE features (
    feature_set    text               NOT NULL,
    set_version    integer            NOT NULL,
    symbol         text               NOT NULL,
    interval       text               NOT NULL,
    event_time     timestamptz        NOT NULL,
    revision       bigint             NOT NULL, -- generation << 40 | (source_offset + 1); 0 is backfill
    available_time timestamptz        NOT NULL,
    ingest_time    timestamptz        NOT NULL DEFAULT now(),
    kind           text               NOT NULL, -- live | correction
    close          double precision   NOT NULL,
    "values"       double precision[] NOT NULL, -- in the set's order; NULL where undefined
    partition      integer            NOT NULL
);

-- One row per maturing bar; the arrays run over the horizons that matured with it.
CREATE TABLE returns (
    symbol           text               NOT NULL,
    interval         text               NOT NULL,
    event_time       timestamptz        NOT NULL, -- close of the maturing bar
    revision         bigint             NOT NULL,
    available_time   timestamptz        NOT NULL,
    ingest_time      timestamptz        NOT NULL DEFAULT now(),
    kind             text               NOT NULL,
    horizons         smallint[]         NOT NULL,
    prediction_times timestamptz[]      NOT NULL,
    log_returns      double precision[] NOT NULL,
    partition        integer            NOT NULL
);

CREATE TABLE predictions (
    strategy         text             NOT NULL,
    model            text             NOT NULL,
    model_version    integer          NOT NULL,
    role             text             NOT NULL,
    symbol           text             NOT NULL,
    interval         text             NOT NULL,
    event_time       timestamptz      NOT NULL,
    source_offset    bigint           NOT NULL, -- of the bar message that was scored
    horizon          integer          NOT NULL,
    score            double precision NOT NULL,
    confidence       double precision NOT NULL,
    status           text             NOT NULL,
    direction        text             NOT NULL,
    outcome          text             NOT NULL,
    model_latency_ns bigint           NOT NULL,
    partition        integer          NOT NULL, -- of predictions
    topic_offset     bigint           NOT NULL,
    ingest_time      timestamptz      NOT NULL DEFAULT now()
);

CREATE TABLE signals (
    signal_id       text             NOT NULL,
    seq             bigint           NOT NULL,
    symbol          text             NOT NULL,
    interval        text             NOT NULL,
    event_time      timestamptz      NOT NULL,
    signal          text             NOT NULL,
    score           double precision NOT NULL,
    confidence      double precision NOT NULL,
    horizon         integer          NOT NULL,
    reference_price double precision NOT NULL,
    position_scale  double precision NOT NULL,
    strategy        text             NOT NULL,
    model           text             NOT NULL,
    model_version   integer          NOT NULL,
    models          text[]           NOT NULL,
    source_offset   bigint           NOT NULL,
    expires_at      timestamptz      NOT NULL,
    reason          text             NOT NULL,
    partition       integer          NOT NULL,
    topic_offset    bigint           NOT NULL,
    ingest_time     timestamptz      NOT NULL DEFAULT now()
);

CREATE TABLE drift_metrics (
    policy      text             NOT NULL,
    strategy    text             NOT NULL,
    subject     text             NOT NULL, -- score, or a feature's name
    metric      text             NOT NULL, -- ic, ic_mean_5, psi, sharpe_5 …
    session     timestamptz      NOT NULL, -- last instant of the session day
    verdict     text             NOT NULL, -- ok | insufficient | <band>
    value       double precision,          -- NULL where insufficient
    sample_size integer          NOT NULL,
    detail      jsonb            NOT NULL DEFAULT '{}',
    ingest_time timestamptz      NOT NULL DEFAULT now()
);

CREATE TABLE alerts (
    alert_id     text        NOT NULL,
    event_time   timestamptz NOT NULL,
    policy       text        NOT NULL,
    rule         text        NOT NULL,
    severity     text        NOT NULL,
    strategy     text        NOT NULL,
    subject      text        NOT NULL,
    body         jsonb       NOT NULL, -- the whole alert
    published_at timestamptz,          -- NULL while it waits in the outbox
    ingest_time  timestamptz NOT NULL DEFAULT now()
);

-- State of the drift agent, one row per (service, key); written with its offsets.
CREATE TABLE agent_state (
    service    text        NOT NULL,
    key        text        NOT NULL,
    state      bytea       NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (service, key)
);

CREATE TABLE engine_snapshots (
    partition     integer     NOT NULL,
    source_offset bigint      NOT NULL, -- state before this offset
    session       timestamptz NOT NULL,
    event_time    timestamptz NOT NULL,
    code_hash     text        NOT NULL,
    sets_hash     text        NOT NULL,
    generation    bigint      NOT NULL,
    snapshot      bytea       NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partition, generation, source_offset)
);

CREATE TABLE repair_requests (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    generation    integer     NOT NULL DEFAULT 1,
    partition     integer     NOT NULL,
    source_offset bigint      NOT NULL,
    symbol        text        NOT NULL,
    interval      text        NOT NULL,
    event_time    timestamptz NOT NULL,
    reason        text        NOT NULL, -- revision | late | late_split
    status        text        NOT NULL DEFAULT 'open',
    requested_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (partition, generation, source_offset, symbol, interval)
);

CREATE TABLE models (
    name          text        NOT NULL,
    version       integer     NOT NULL,
    strategy_type text        NOT NULL DEFAULT '',
    description   text        NOT NULL DEFAULT '',
    manifest      jsonb       NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, version)
);

CREATE TABLE model_artifacts (
    name    text    NOT NULL,
    version integer NOT NULL,
    kind    text    NOT NULL, -- onnx | golden | manifest | card …
    path    text    NOT NULL, -- relative to the artifact folder
    sha256  text    NOT NULL,
    size    bigint  NOT NULL,
    PRIMARY KEY (name, version, kind),
    FOREIGN KEY (name, version) REFERENCES models
);

CREATE TABLE model_metrics (
    name             text             NOT NULL,
    version          integer          NOT NULL,
    dataset          text             NOT NULL, -- train | validation | test | backtest | live
    metric           text             NOT NULL,
    value            double precision NOT NULL,
    higher_is_better boolean          NOT NULL,
    recorded_at      timestamptz      NOT NULL DEFAULT now(),
    FOREIGN KEY (name, version) REFERENCES models
);

CREATE TABLE model_training_runs (
    run_id              text        PRIMARY KEY,
    name                text        NOT NULL,
    version             integer,
    parameters          jsonb       NOT NULL,
    data_from           timestamptz,
    data_to             timestamptz,
    git_sha             text        NOT NULL DEFAULT '',
    dataset_fingerprint text        NOT NULL,
    status              text        NOT NULL,
    started_at          timestamptz NOT NULL DEFAULT now(),
    finished_at         timestamptz
);

-- Filled from the topic control by the store; append-only.
CREATE TABLE deployments (
    control_offset bigint      PRIMARY KEY,
    event_id       text        NOT NULL,
    action         text        NOT NULL,
    strategy       text        NOT NULL,
    model          text        NOT NULL,
    model_version  integer     NOT NULL,
    symbols        text[]      NOT NULL,
    parameters     jsonb       NOT NULL,
    effective_from timestamptz NOT NULL,
    issued_at      timestamptz NOT NULL,
    issued_by      text        NOT NULL,
    reason         text        NOT NULL,
    cause          text        NOT NULL,
    ingest_time    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE control_applied (
    partition      integer     NOT NULL,
    control_offset bigint      NOT NULL,
    effective_p    timestamptz NOT NULL,
    late           boolean     NOT NULL,
    ingest_time    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partition, control_offset)
);

CREATE TABLE datasets (
    dataset_id  text        PRIMARY KEY,
    fingerprint text        NOT NULL,
    rows        bigint      NOT NULL,
    as_of       timestamptz NOT NULL,
    detail      jsonb       NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT now()
);
