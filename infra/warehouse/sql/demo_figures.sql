-- name: bars
SELECT count(*) FROM bars;

-- name: features
-- Without the rows of the repair job, which are in no topic.
SELECT count(*) FROM features f
WHERE NOT (f.kind = 'correction' AND EXISTS (
    SELECT FROM repair_requests q
    WHERE q.partition = f.partition AND q.generation = f.revision >> 40 AND q.symbol = f.symbol
      AND q.interval = f.interval AND q.source_offset = (f.revision & ((1::bigint << 40) - 1)) - 1));

-- name: predictions
SELECT count(*) FROM predictions;

-- name: predictions of
SELECT count(*) FROM predictions WHERE symbol = %(symbol)s;

-- name: signals
SELECT count(*) FROM signals;

-- name: alerts
SELECT count(*) FROM alerts;

-- name: repair_requests
SELECT count(*) FROM repair_requests;

-- name: statuses
SELECT status, count(*) FROM predictions GROUP BY status ORDER BY status;

-- name: outcomes
SELECT outcome, count(*) FROM predictions GROUP BY outcome ORDER BY outcome;

-- name: directions
SELECT signal, count(*) FROM signals GROUP BY signal ORDER BY signal;

-- name: returns
SELECT horizon, count(*)
FROM (
    SELECT unnest(r.horizons) AS horizon FROM returns r
    WHERE NOT (r.kind = 'correction' AND EXISTS (
        SELECT FROM repair_requests q
        WHERE q.partition = r.partition AND q.generation = r.revision >> 40 AND q.symbol = r.symbol
          AND q.interval = r.interval AND q.source_offset = (r.revision & ((1::bigint << 40) - 1)) - 1))
) matured
GROUP BY horizon ORDER BY horizon;

-- name: alert_rules
SELECT rule, count(*) FROM alerts GROUP BY rule ORDER BY rule;

-- name: drift_verdicts
SELECT metric || ' ' || verdict, count(*) FROM drift_metrics GROUP BY 1 ORDER BY 1;

-- name: latest_signals
SELECT event_time, symbol, signal, score, confidence, reference_price, model || ':' || model_version, interval, signal_id
FROM signals ORDER BY ingest_time DESC, event_time DESC, symbol LIMIT %(limit)s;

-- name: return_rows
SELECT count(*) FROM returns;

-- name: served
-- Which model served a strategy, partition by partition: spans of bar times without another model in between.
WITH calls AS (
    SELECT DISTINCT partition, event_time, model || ':' || model_version AS served
    FROM predictions WHERE strategy = %(strategy)s AND role IN ('live', 'arm')
), changes AS (
    SELECT *, served IS DISTINCT FROM lag(served) OVER (PARTITION BY partition ORDER BY event_time, served) AS changed
    FROM calls
), spans AS (
    SELECT *, count(*) FILTER (WHERE changed) OVER (PARTITION BY partition ORDER BY event_time, served) AS span
    FROM changes
)
SELECT partition, served, min(event_time), max(event_time), count(*)
FROM spans GROUP BY partition, span, served ORDER BY partition, span;

-- name: alerts about
SELECT body::text FROM alerts WHERE strategy = %(strategy)s AND subject = %(subject)s ORDER BY event_time, alert_id;
