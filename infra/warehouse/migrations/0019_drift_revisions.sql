-- What a drift metric became after labels were corrected: the first value stays where it was, a changed one is added
-- here. The alert that the first value raised, or did not, stays what it was: it is what was known then.
CREATE TABLE drift_revisions (
    strategy    text             NOT NULL,
    subject     text             NOT NULL,
    metric      text             NOT NULL,
    session     timestamptz      NOT NULL, -- as in drift_metrics
    revision    integer          NOT NULL, -- 1, 2 …
    verdict     text             NOT NULL,
    value       double precision,
    sample_size integer          NOT NULL,
    detail      jsonb            NOT NULL DEFAULT '{}',
    ingest_time timestamptz      NOT NULL DEFAULT now(),
    PRIMARY KEY (strategy, subject, metric, session, revision)
);

-- Sessions whose labels were looked at again, and how far: a repeated run finds nothing to do.
CREATE TABLE drift_revised_sessions (
    interval    text        NOT NULL,
    horizon     integer     NOT NULL,
    session     timestamptz NOT NULL,
    corrections bigint      NOT NULL, -- corrected labels that it has seen
    revised_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (interval, horizon, session)
);

-- One line per day and series. `ic`, `pnl` … are as first measured; `ic_revised` after all corrections.
CREATE VIEW drift_daily AS
SELECT m.strategy,
       m.subject,
       m.session,
       max(m.value) FILTER (WHERE m.metric = 'ic')              AS ic,
       max(m.value) FILTER (WHERE m.metric = 'ic_mean_5')       AS ic_mean_5,
       (SELECT r.value FROM drift_revisions r
        WHERE r.strategy = m.strategy AND r.subject = m.subject AND r.session = m.session AND r.metric = 'ic'
        ORDER BY r.revision DESC LIMIT 1)                       AS ic_revised,
       max(m.value) FILTER (WHERE m.metric = 'psi')             AS psi,
       max(m.value) FILTER (WHERE m.metric = 'feature_psi_max') AS feature_psi_max,
       max(m.value) FILTER (WHERE m.metric = 'sharpe_5')        AS sharpe_5,
       max(m.value) FILTER (WHERE m.metric = 'sharpe_20')       AS sharpe_20,
       max(m.value) FILTER (WHERE m.metric = 'hit_rate')        AS hit_rate,
       max(m.value) FILTER (WHERE m.metric = 'pnl')             AS pnl,
       EXISTS (SELECT FROM alerts a WHERE a.strategy = m.strategy AND a.subject = m.subject
               AND a.event_time = m.session AND a.body -> 'evidence' ->> 'metric' = 'ic')           AS ic_alert,
       EXISTS (SELECT FROM alerts a WHERE a.strategy = m.strategy AND a.subject = m.subject
               AND a.event_time = m.session
               AND a.body -> 'evidence' ->> 'metric' IN ('psi', 'shape', 'feature_psi', 'feature_ks_p')) AS psi_alert,
       EXISTS (SELECT FROM alerts a WHERE a.strategy = m.strategy AND a.subject = m.subject
               AND a.event_time = m.session
               AND a.body -> 'evidence' ->> 'metric' IN ('sharpe_5', 'sharpe_20'))                  AS sharpe_alert
FROM drift_metrics m
WHERE m.subject LIKE 'score/%'
GROUP BY m.strategy, m.subject, m.session;
