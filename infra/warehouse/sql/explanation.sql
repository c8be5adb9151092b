-- name: signals like
-- Ids that begin with a text of hexadecimal digits.
SELECT signal_id, symbol, interval, event_time FROM signals WHERE signal_id LIKE %(prefix)s || '%%'
ORDER BY event_time DESC, signal_id LIMIT 6;

-- name: intervals
SELECT DISTINCT interval FROM bars WHERE symbol = %(symbol)s ORDER BY interval;

-- name: neighbours
SELECT (SELECT max(event_time) FROM bars WHERE symbol = %(symbol)s AND interval = %(interval)s
          AND event_time < %(event_time)s),
       (SELECT min(event_time) FROM bars WHERE symbol = %(symbol)s AND interval = %(interval)s
          AND event_time > %(event_time)s);

-- name: bars at
SELECT symbol, interval, event_time, source, feed, revision, status, open, high, low, close, volume, available_time,
       ingest_time, generation, partition, source_offset, row_index
FROM bars
WHERE symbol = %(symbol)s AND interval = %(interval)s AND event_time = %(event_time)s
ORDER BY generation, source_offset, row_index;

-- name: bars behind
-- The newest bars of a source up to a place in the log, as it had them there: of each close the last that had come.
SELECT DISTINCT ON (event_time)
       symbol, interval, event_time, source, feed, revision, status, open, high, low, close, volume, available_time,
       ingest_time, generation, partition, source_offset, row_index
FROM bars
WHERE symbol = %(symbol)s AND interval = %(interval)s AND source = %(source)s AND event_time <= %(event_time)s
  AND (generation < %(first_generation)s OR source_offset <= %(source_offset)s)
ORDER BY event_time DESC, revision DESC LIMIT %(limit)s;

-- name: log bars
-- A symbol's bars as messages of the log, in its order.
SELECT symbol, interval, event_time, source, feed, revision, status, open, high, low, close, volume, available_time,
       ingest_time, generation, partition, source_offset, row_index
FROM bars
WHERE symbol = %(symbol)s AND interval = %(interval)s AND partition = %(partition)s
  AND generation >= %(first_generation)s AND source_offset BETWEEN %(after)s AND %(source_offset)s
ORDER BY source_offset, row_index;

-- name: log events
-- What decides about a symbol's bars beside themselves: watermarks, and its own splits and repairs.
SELECT source_offset, payload FROM log_events
WHERE partition = %(partition)s AND generation >= %(first_generation)s
  AND source_offset BETWEEN %(after)s AND %(source_offset)s
  AND (type = 'Watermark'
       OR type IN ('Adjustment', 'StateRepair') AND position(convert_to(%(symbol)s, 'UTF8') IN payload) > 0)
ORDER BY source_offset;

-- name: vectors
-- Live vectors made of one message, with what the names mean and whose arithmetic made them.
SELECT f.feature_set, f.set_version, coalesce(s.set_hash, ''), coalesce(s.features, '{}'), f."values", f.close,
       f.available_time, f.ingest_time, f.revision, coalesce(writer.numerics, '')
FROM features f
LEFT JOIN feature_sets s USING (feature_set, set_version)
LEFT JOIN LATERAL (
    SELECT w.numerics FROM feature_writers w
    WHERE w.kind = f.kind AND w.partition = f.partition AND w.first_revision <= f.revision
    ORDER BY w.first_revision DESC LIMIT 1
) AS writer ON true
WHERE f.symbol = %(symbol)s AND f.interval = %(interval)s AND f.event_time = %(event_time)s AND f.kind = 'live'
ORDER BY f.revision DESC, f.feature_set, f.set_version;

-- name: calls
SELECT strategy, model, model_version, role, source_part, model_sha256, feature_set, set_version, set_hash,
       deadline_missed, breaker_open, numerics, model_latency_ns
FROM model_calls
WHERE partition = %(partition)s AND event_time = %(event_time)s AND source_offset = %(source_offset)s
  AND interval = %(interval)s
ORDER BY strategy, role, model, model_version;

-- name: rows
SELECT strategy, model, model_version, role, horizon, score, confidence, status, direction, outcome, ingest_time,
       topic_offset, model_latency_ns
FROM predictions
WHERE symbol = %(symbol)s AND interval = %(interval)s AND event_time = %(event_time)s
  AND source_offset = %(source_offset)s
ORDER BY strategy, role, model, model_version;

-- name: signal at
SELECT signal_id, seq, symbol, signal, score, confidence, event_time, interval, horizon, reference_price,
       position_scale, strategy, model, model_version, models, source_offset, expires_at, reason, partition,
       topic_offset, ingest_time
FROM signals
WHERE symbol = %(symbol)s AND interval = %(interval)s AND event_time = %(event_time)s
ORDER BY ingest_time DESC, signal_id LIMIT 1;

-- name: emission before
SELECT signal_id, seq, symbol, signal, score, confidence, event_time, interval, horizon, reference_price,
       position_scale, strategy, model, model_version, models, source_offset, expires_at, reason, partition,
       topic_offset, ingest_time
FROM signals
WHERE symbol = %(symbol)s AND interval = %(interval)s AND event_time < %(event_time)s
ORDER BY event_time DESC LIMIT 1;

-- name: last answers
-- What each model last answered for a symbol before a bar, in whatever role.
SELECT DISTINCT ON (model, model_version) model, model_version, score, event_time
FROM predictions
WHERE symbol = %(symbol)s AND interval = %(interval)s AND event_time < %(event_time)s
  AND event_time >= %(since)s AND status = 'ok'
ORDER BY model, model_version, event_time DESC;

-- name: control
-- Events that a partition obeyed and that act by a bar time, in the order of effect.
SELECT a.generation, a.control_offset, a.effective_p, a.late, d.event_id, d.action, d.strategy, d.model,
       d.model_version, d.symbols, d.parameters, d.effective_from, d.issued_at, d.issued_by, d.reason, d.cause
FROM control_applied a LEFT JOIN deployments d USING (generation, control_offset)
WHERE a.partition = %(partition)s AND a.effective_p <= %(event_time)s
ORDER BY a.effective_p, a.generation, a.control_offset;

-- name: repairs
SELECT event_time, reason, status, source_offset FROM repair_requests
WHERE symbol = %(symbol)s AND interval = %(interval)s AND event_time <= %(event_time)s
ORDER BY id;

-- name: predicted to
SELECT max(event_time) FROM predictions WHERE partition = %(partition)s AND interval = %(interval)s;
