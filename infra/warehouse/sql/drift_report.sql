-- name: days
-- An IC that was revised to "too little data" is none.
SELECT strategy, subject, session, ic, CASE WHEN is_revised THEN ic_revised ELSE ic END, ic_mean_5, psi,
       feature_psi_max, sharpe_20, hit_rate, pnl, ic_alert, psi_alert, sharpe_alert
FROM (
    SELECT d.*, dense_rank() OVER (PARTITION BY d.strategy, d.subject ORDER BY d.session DESC) AS age,
           EXISTS (SELECT FROM drift_revisions r WHERE r.strategy = d.strategy AND r.subject = d.subject
                   AND r.metric = 'ic' AND r.session = d.session) AS is_revised
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
