-- Metrics of an hour of a session (`…_intraday`): `session` holds the hour's last instant. They are no days of their own.
COMMENT ON COLUMN drift_metrics.session IS
    'last instant of the session day; of metrics named …_intraday the last instant of their hour';

CREATE OR REPLACE VIEW drift_daily AS
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
WHERE m.subject LIKE 'score/%' AND m.metric NOT LIKE '%\_intraday'
GROUP BY m.strategy, m.subject, m.session;
