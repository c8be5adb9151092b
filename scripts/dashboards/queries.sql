-- What the dashboards ask of the tables. Macros ($__timeFilter …) and variables ($strategy …) are Grafana's.
-- Bars, signals and drift are placed at their event time, which is the wall clock's while the pipeline runs live.

-- name: strategies
SELECT DISTINCT strategy FROM deployments WHERE strategy <> ''
UNION ALL
SELECT 'none yet' WHERE NOT EXISTS (SELECT FROM deployments WHERE strategy <> '')
ORDER BY 1

-- name: series
-- Of each strategy the models in use, as the drift agent calls them: score/model:version/interval/horizon/role.
SELECT DISTINCT subject FROM drift_metrics WHERE metric = 'ic' AND strategy IN ($strategy) ORDER BY 1

-- name: marks.alerts
SELECT event_time AS "time", format('%s %s: %s', severity, rule, body ->> 'message') AS text, strategy AS tags
FROM alerts
WHERE $__timeFilter(event_time)
ORDER BY 1

-- name: marks.control
SELECT issued_at AS "time",
       format('%s %s %s, by %s: %s', action, strategy,
              CASE WHEN model = '' THEN '' ELSE format('%s:%s', model, model_version) END, issued_by, reason) AS text,
       action AS tags
FROM deployments
WHERE $__timeFilter(issued_at)
ORDER BY 1

-- name: signals.newest
-- Whatever the range shown: what came last.
SELECT event_time AS "bar closed", symbol, interval, signal, score, confidence, reference_price AS "price",
       position_scale AS "scale", strategy, format('%s:%s', model, model_version) AS model, reason, expires_at AS expires
FROM signals
WHERE strategy IN ($strategy)
ORDER BY event_time DESC, symbol
LIMIT 50

-- name: signals.directions
SELECT $__timeGroupAlias(event_time, $__interval), signal AS metric, count(*) AS value
FROM signals
WHERE $__timeFilter(event_time) AND strategy IN ($strategy)
GROUP BY 1, 2
ORDER BY 1

-- name: signals.confidence
SELECT to_char((least(width_bucket(confidence, 0, 1, 20), 20) - 1) * 0.05, 'FM0.00') AS "confidence from",
       count(*) FILTER (WHERE signal = 'long')  AS long,
       count(*) FILTER (WHERE signal = 'short') AS short,
       count(*) FILTER (WHERE signal = 'flat')  AS flat
FROM signals
WHERE $__timeFilter(event_time) AND strategy IN ($strategy)
GROUP BY 1
ORDER BY 1

-- name: signals.scores
SELECT $__timeGroupAlias(event_time, $__interval), strategy AS metric,
       percentile_cont(0.05) WITHIN GROUP (ORDER BY score) AS "5 %",
       percentile_cont(0.5)  WITHIN GROUP (ORDER BY score) AS "median",
       percentile_cont(0.95) WITHIN GROUP (ORDER BY score) AS "95 %"
FROM signals
WHERE $__timeFilter(event_time) AND strategy IN ($strategy)
GROUP BY 1, 2
ORDER BY 1

-- name: signals.strategies
SELECT strategy, interval, max(event_time) AS "last signal", count(*) AS signals, count(DISTINCT symbol) AS symbols,
       avg(confidence) AS "mean confidence", avg((reason = 'fallback')::integer) AS "share of fallbacks"
FROM signals
WHERE $__timeFilter(event_time) AND strategy IN ($strategy)
GROUP BY 1, 2
ORDER BY 1, 2

-- name: signals.symbols
SELECT symbol, count(*) AS signals,
       count(*) FILTER (WHERE signal = 'long')  AS long,
       count(*) FILTER (WHERE signal = 'short') AS short,
       count(*) FILTER (WHERE signal = 'flat')  AS flat,
       max(event_time) AS "last signal"
FROM signals
WHERE $__timeFilter(event_time) AND strategy IN ($strategy)
GROUP BY 1
ORDER BY 2 DESC, 1
LIMIT 20

-- name: models.live
-- The newest decision about each strategy, whatever the range shown.
SELECT DISTINCT ON (strategy) strategy, format('%s:%s', model, model_version) AS model, action, issued_at AS issued,
       effective_from AS "acts from", issued_by AS "by", reason
FROM deployments
WHERE action IN ('activate', 'rollback') AND strategy IN ($strategy)
ORDER BY strategy, control_offset DESC

-- name: models.control
SELECT issued_at AS issued, action, strategy, CASE WHEN model = '' THEN '' ELSE format('%s:%s', model, model_version) END
       AS model, array_to_string(symbols, ' ') AS symbols, effective_from AS "acts from", issued_by AS "by", reason, cause
FROM deployments
ORDER BY control_offset DESC
LIMIT 50

-- name: models.registry
SELECT format('%s:%s', m.name, m.version) AS model, coalesce(stage.stage, 'none') AS stage, m.strategy_type AS type,
       m.created_at AS registered,
       (SELECT string_agg(format('%s %s', one.metric, round(one.value::numeric, 4)), ', ' ORDER BY one.metric)
        FROM (SELECT DISTINCT ON (metric) metric, value FROM model_metrics t
              WHERE t.name = m.name AND t.version = m.version AND t.dataset = 'test'
              ORDER BY metric, recorded_at DESC) AS one) AS "held out",
       m.description
FROM models m
LEFT JOIN model_stage stage USING (name, version)
WHERE m.removed_at IS NULL
ORDER BY m.created_at DESC
LIMIT 50

-- name: models.comparisons
SELECT compared_at AS compared, format('%s:%s', name, version) AS model,
       CASE WHEN champion IS NULL THEN 'none was live' ELSE format('%s:%s', champion, champion_version) END AS against,
       decision, source, data_from AS "from", data_to AS "to", by_whom AS "by"
FROM model_comparisons
ORDER BY id DESC
LIMIT 20

-- name: models.calls
-- Mean and longest call of each bar time; by event time, so that a replayed day can be looked at too.
SELECT "timestamp" AS "time", format('%s %s', model_id, role) AS metric, max(inference_latency) AS "mean",
       max(inference_latency_max) AS "longest"
FROM model_performance
WHERE $__timeFilter("timestamp") AND strategy IN ($strategy)
GROUP BY 1, 2
ORDER BY 1

-- name: models.missed
SELECT $__timeGroupAlias(event_time, $__interval), format('%s:%s', model, model_version) AS metric,
       count(*) FILTER (WHERE deadline_missed) AS "deadline missed", count(*) FILTER (WHERE breaker_open) AS "breaker open"
FROM model_calls
WHERE $__timeFilter(event_time) AND strategy IN ($strategy)
GROUP BY 1, 2
ORDER BY 1

-- name: models.arms
SELECT experiment_id AS experiment, strategy, arm, model_id AS model, count(*) AS predictions,
       count(*) FILTER (WHERE actual_return IS NOT NULL) AS matured, avg(hit::integer) AS "hit rate",
       avg(pnl) AS "mean return a row", sum(pnl) AS "sum of returns"
FROM ab_outcomes
WHERE $__timeFilter("timestamp") AND strategy IN ($strategy)
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3

-- name: models.arm_returns
SELECT "time", metric, sum(pnl) OVER (PARTITION BY metric ORDER BY "time") AS value
FROM (
    SELECT bar_return_at AS "time", format('%s %s %s', experiment_id, arm, model_id) AS metric, sum(pnl) AS pnl
    FROM ab_outcomes
    WHERE $__timeFilter("timestamp") AND strategy IN ($strategy) AND pnl IS NOT NULL
    GROUP BY 1, 2
) AS bars
ORDER BY 1

-- name: drift.ic
SELECT session AS "time", ic AS "of the session", ic_mean_5 AS "mean of 5 sessions", ic_revised AS "after corrections"
FROM drift_daily
WHERE $__timeFilter(session) AND strategy IN ($strategy) AND subject = '$series'
ORDER BY 1

-- name: drift.ic_band
SELECT session AS "time", value AS "mean of the look-back", (detail ->> 'low')::double precision AS "low",
       (detail ->> 'high')::double precision AS "high"
FROM drift_metrics
WHERE $__timeFilter(session) AND metric = 'ic_mean' AND value IS NOT NULL AND strategy IN ($strategy)
  AND subject = '$series'
ORDER BY 1

-- name: drift.score_psi
SELECT session AS "time", subject AS metric, psi AS "of the scores", feature_psi_max AS "largest of the features"
FROM drift_daily
WHERE $__timeFilter(session) AND strategy IN ($strategy) AND subject = '$series'
ORDER BY 1

-- name: drift.feature_psi
-- The ten features that moved farthest in the range shown; feature/model:version/set/interval/name.
SELECT m.session AS "time", split_part(m.subject, '/', 5) AS metric, max(m.value) AS value
FROM drift_metrics m
JOIN (SELECT subject FROM drift_metrics
      WHERE metric = 'feature_psi' AND $__timeFilter(session) AND strategy IN ($strategy) AND value IS NOT NULL
        AND split_part(subject, '/', 2) = split_part('$series', '/', 2)
      GROUP BY subject ORDER BY max(value) DESC LIMIT 10) AS farthest USING (subject)
WHERE m.metric = 'feature_psi' AND $__timeFilter(m.session) AND m.strategy IN ($strategy) AND m.value IS NOT NULL
GROUP BY 1, 2
ORDER BY 1

-- name: drift.sharpe
SELECT session AS "time", sharpe_5 AS "5 sessions", sharpe_20 AS "20 sessions"
FROM drift_daily
WHERE $__timeFilter(session) AND strategy IN ($strategy) AND subject = '$series'
ORDER BY 1

-- name: drift.hit_rate
SELECT session AS "time", max(value) FILTER (WHERE metric = 'hit_rate') AS "right directions",
       max(value) FILTER (WHERE metric = 'positive_predictions') AS "predicted up"
FROM drift_metrics
WHERE $__timeFilter(session) AND metric IN ('hit_rate', 'positive_predictions') AND strategy IN ($strategy)
  AND subject = '$series'
GROUP BY 1
ORDER BY 1

-- name: drift.maturity
-- Pairs of a score and its matured return that a session's IC rests on, and labels that never came.
SELECT session AS "time", sample_size AS "matured pairs", (detail ->> 'expired')::double precision AS "labels given up"
FROM drift_metrics
WHERE $__timeFilter(session) AND metric = 'ic' AND strategy IN ($strategy) AND subject = '$series'
ORDER BY 1

-- name: drift.labelled
SELECT strategy, subject AS series, max(session) AS "last session",
       max(session) FILTER (WHERE value IS NOT NULL) AS "last session with an IC",
       count(*) FILTER (WHERE value IS NULL) AS "sessions without", count(*) AS sessions
FROM drift_metrics
WHERE metric = 'ic' AND strategy IN ($strategy)
GROUP BY 1, 2
ORDER BY 1, 2

-- name: drift.verdicts
SELECT m.metric, m.verdict, count(*) AS series, min(m.value) AS least, max(m.value) AS most,
       max(m.detail ->> 'reason') AS "why there is no number"
FROM drift_metrics m
JOIN (SELECT strategy, subject, metric, max(session) AS session FROM drift_metrics
      WHERE strategy IN ($strategy) AND $__timeFilter(session) GROUP BY 1, 2, 3) AS newest
     USING (strategy, subject, metric, session)
GROUP BY 1, 2
ORDER BY 1, 2

-- name: drift.hours
-- Each series by itself: the largest IC of several would hide the one that fell.
SELECT session AS "time", format('%s %s', metric, subject) AS metric, max(value) AS value
FROM drift_metrics
WHERE $__timeFilter(session) AND metric IN ('ic_intraday', 'psi_intraday') AND value IS NOT NULL
  AND strategy IN ($strategy)
GROUP BY 1, 2
ORDER BY 1

-- name: drift.alerts
SELECT event_time AS "at", severity, rule, strategy, subject, body ->> 'message' AS message,
       body ->> 'suggested_action' AS "suggested action",
       to_timestamp((body ->> 'onset')::double precision / 1e9) AS "estimated onset",
       (body ->> 'false_alarm_budget')::double precision AS "false alarms a year", published_at AS published
FROM alerts
WHERE $__timeFilter(event_time)
ORDER BY event_time DESC
LIMIT 50

-- name: drift.steps
SELECT decided_at AS decided, strategy, rule, severity, mode, state, rung, words AS step, reason
FROM guarded_steps
ORDER BY id DESC
LIMIT 50

-- name: drift.retraining
SELECT started_at AS started, strategy, status, stage, reason, outcome, champion, challenger
FROM retraining_cycles
ORDER BY started_at DESC
LIMIT 20
