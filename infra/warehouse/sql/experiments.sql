-- name: by time
-- What each side of an experiment did at each bar time; its mean return is over its symbols. Decimals add up to the same
-- whatever their order, floats don't.
SELECT interval, arm, "timestamp", count(*), count(*) FILTER (WHERE position <> 0),
       count(*) FILTER (WHERE status <> 'ok'), count(hit), count(*) FILTER (WHERE hit), count(pnl),
       avg(pnl::numeric)::double precision, max(horizon)
FROM ab_outcomes
WHERE experiment_id = %(experiment)s AND strategy = %(strategy)s
GROUP BY interval, arm, "timestamp"
ORDER BY interval, arm, "timestamp";

-- name: symbols
SELECT interval, CASE role WHEN 'live' THEN 'control' ELSE role END, count(DISTINCT symbol)
FROM predictions
WHERE experiment = %(experiment)s AND experiment <> '' AND strategy = %(strategy)s AND role IN ('live', 'arm')
GROUP BY interval, role;
