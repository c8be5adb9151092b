-- name: days
SELECT strategy, subject, session, ic, ic_revised, ic_mean_5, psi, feature_psi_max, sharpe_20, hit_rate, pnl,
       ic_alert, psi_alert, sharpe_alert
FROM (
    SELECT d.*, dense_rank() OVER (PARTITION BY d.strategy, d.subject ORDER BY d.session DESC) AS age
    FROM drift_daily d
    WHERE %(strategy)s::text IS NULL OR d.strategy = %(strategy)s
) AS aged
WHERE age <= %(days)s
ORDER BY strategy, subject, session;

-- name: missing
-- Of each series' newest session: metrics without a number, and why.
SELECT m.strategy, m.subject, m.metric, m.sample_size, m.detail ->> 'reason'
FROM drift_metrics m
JOIN (SELECT strategy, subject, max(session) AS session FROM drift_metrics
      WHERE metric = 'ic' GROUP BY strategy, subject) AS newest USING (strategy, subject, session)
WHERE m.verdict = 'insufficient' AND m.metric NOT LIKE '%%\_intraday'
  AND (%(strategy)s::text IS NULL OR m.strategy = %(strategy)s)
ORDER BY 1, 2, 3;
