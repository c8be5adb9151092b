-- name: bars
SELECT count(*) FROM bars;

-- name: features
SELECT count(*) FROM features;

-- name: predictions
SELECT count(*) FROM predictions;

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
SELECT horizon, count(*) FROM (SELECT unnest(horizons) AS horizon FROM returns) matured GROUP BY horizon ORDER BY horizon;

-- name: alert_rules
SELECT rule, count(*) FROM alerts GROUP BY rule ORDER BY rule;

-- name: drift_verdicts
SELECT metric || ' ' || verdict, count(*) FROM drift_metrics GROUP BY 1 ORDER BY 1;

-- name: latest_signals
SELECT event_time, symbol, signal, score, confidence, reference_price, model || ':' || model_version, interval, signal_id
FROM signals ORDER BY ingest_time DESC, event_time DESC, symbol LIMIT %(limit)s;

-- name: return_rows
SELECT count(*) FROM returns;
