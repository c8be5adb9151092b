-- Tables as tallies: the key's parts, the symbol, rows, sum of event times in µs, sum of a second figure.
-- Each is limited to what the topic still holds: partition by partition, from `starts` on, in the present log. What the
-- repair job wrote is counted apart: it is in no topic.

-- name: bars
SELECT b.partition, b.interval, b.symbol, count(*),
       sum(extract(epoch FROM b.event_time) * 1000000)::numeric, sum(b.source_offset)::numeric
FROM bars b
JOIN unnest(%(partitions)s::integer[], %(starts)s::bigint[], %(generations)s::bigint[]) AS here (partition, start, generation)
  ON b.partition = here.partition AND b.generation >= here.generation AND b.source_offset >= here.start
GROUP BY 1, 2, 3;

-- name: earlier bars
SELECT b.partition, b.interval, b.event_time, b.source, b.revision, b.symbol
FROM bars b
JOIN unnest(%(partitions)s::integer[], %(generations)s::bigint[]) AS here (partition, generation)
  ON b.partition = here.partition AND b.generation < here.generation;

-- name: log events
SELECT e.partition, e.type, count(*), 0, sum(e.source_offset)::numeric
FROM log_events e
JOIN unnest(%(partitions)s::integer[], %(starts)s::bigint[], %(generations)s::bigint[]) AS here (partition, start, generation)
  ON e.partition = here.partition AND e.generation >= here.generation AND e.source_offset >= here.start
GROUP BY 1, 2;

-- name: features
SELECT f.partition, f.feature_set, f.set_version, f.interval, f.symbol, count(*),
       sum(extract(epoch FROM f.event_time) * 1000000)::numeric,
       sum((f.revision & ((1::bigint << 40) - 1)) - 1)::numeric
FROM features f
JOIN unnest(%(partitions)s::integer[], %(starts)s::bigint[], %(generations)s::bigint[]) AS here (partition, start, generation)
  ON f.partition = here.partition AND f.revision >> 40 >= here.generation
 AND (f.revision & ((1::bigint << 40) - 1)) - 1 >= here.start
WHERE NOT (f.kind = 'correction' AND EXISTS (
    SELECT FROM repair_requests q
    WHERE q.partition = f.partition AND q.generation = f.revision >> 40 AND q.symbol = f.symbol
      AND q.interval = f.interval AND q.source_offset = (f.revision & ((1::bigint << 40) - 1)) - 1))
  AND NOT EXISTS (
    SELECT FROM feature_set_beginnings b
    WHERE b.topic = %(topic)s AND b.partition = f.partition AND b.feature_set = f.feature_set
      AND b.set_version = f.set_version AND f.revision < (b.generation << 40 | (b.published_from + 1)))
GROUP BY 1, 2, 3, 4, 5;

-- name: added features
-- First values of sets that were added to the log, of before they were published.
SELECT f.feature_set, f.interval, f.symbol, count(*)
FROM features f
JOIN feature_set_beginnings b ON b.topic = %(topic)s AND b.partition = f.partition AND b.feature_set = f.feature_set
 AND b.set_version = f.set_version
JOIN unnest(%(partitions)s::integer[], %(generations)s::bigint[]) AS here (partition, generation)
  ON f.partition = here.partition AND f.revision >> 40 >= here.generation
WHERE f.kind = 'live' AND f.revision < (b.generation << 40 | (b.published_from + 1))
GROUP BY 1, 2, 3;

-- name: returns
SELECT r.partition, r.interval, label.horizon, r.symbol, count(*),
       sum(extract(epoch FROM r.event_time) * 1000000)::numeric,
       sum(extract(epoch FROM label.prediction_time) * 1000000)::numeric
FROM returns r
JOIN unnest(%(partitions)s::integer[], %(starts)s::bigint[], %(generations)s::bigint[]) AS here (partition, start, generation)
  ON r.partition = here.partition AND r.revision >> 40 >= here.generation
 AND (r.revision & ((1::bigint << 40) - 1)) - 1 >= here.start
CROSS JOIN LATERAL unnest(r.horizons, r.prediction_times) AS label (horizon, prediction_time)
WHERE NOT (r.kind = 'correction' AND EXISTS (
    SELECT FROM repair_requests q
    WHERE q.partition = r.partition AND q.generation = r.revision >> 40 AND q.symbol = r.symbol
      AND q.interval = r.interval AND q.source_offset = (r.revision & ((1::bigint << 40) - 1)) - 1))
GROUP BY 1, 2, 3, 4;

-- name: repair requests
SELECT count(*), count(*) FILTER (WHERE status = 'done'), count(*) FILTER (WHERE status = 'failed')
FROM repair_requests;

-- name: recorded corrections
SELECT interval, symbol, sum(feature_rows)::bigint, sum(return_rows)::bigint FROM repair_requests GROUP BY 1, 2;

-- name: corrected features
-- Rows of the repair job: under the revision of a message that asked for a repair. The agent's own corrections stand
-- under that of the StateRepair, and in the topic.
SELECT f.interval, f.symbol, count(*)
FROM features f
JOIN repair_requests q ON q.partition = f.partition AND q.generation = f.revision >> 40 AND q.symbol = f.symbol
 AND q.interval = f.interval AND q.source_offset = (f.revision & ((1::bigint << 40) - 1)) - 1
WHERE f.kind = 'correction' GROUP BY 1, 2;

-- name: corrected returns
SELECT r.interval, r.symbol, count(*)
FROM returns r
JOIN repair_requests q ON q.partition = r.partition AND q.generation = r.revision >> 40 AND q.symbol = r.symbol
 AND q.interval = r.interval AND q.source_offset = (r.revision & ((1::bigint << 40) - 1)) - 1
WHERE r.kind = 'correction' GROUP BY 1, 2;

-- name: late bars
SELECT b.interval, b.symbol, count(*) FROM bars b WHERE b.status = 'late' GROUP BY 1, 2;

-- name: predictions
SELECT p.strategy, p.model, p.model_version, p.role, p.interval, p.symbol, count(*),
       sum(extract(epoch FROM p.event_time) * 1000000)::numeric, sum(p.source_offset)::numeric
FROM predictions p
JOIN unnest(%(partitions)s::integer[], %(starts)s::bigint[]) AS here (partition, start)
  ON p.partition = here.partition AND p.topic_offset >= here.start
GROUP BY 1, 2, 3, 4, 5, 6;

-- name: signals
SELECT s.partition, s.interval, s.symbol, count(*),
       sum(extract(epoch FROM s.event_time) * 1000000)::numeric, sum(s.seq)::numeric
FROM signals s
JOIN unnest(%(partitions)s::integer[], %(starts)s::bigint[]) AS here (partition, start)
  ON s.partition = here.partition AND s.topic_offset >= here.start
GROUP BY 1, 2, 3;

-- name: first bars
-- A symbol whose history was loaded begins warm, so nothing follows from the number of its bars.
SELECT b.interval, b.symbol, count(*), bool_or(b.generation = 0) FROM bars b WHERE b.status = 'first' GROUP BY 1, 2;

-- name: deployments
SELECT d.control_offset
FROM deployments d
WHERE d.generation >= coalesce((SELECT c.first_generation FROM checkpoints c
                                WHERE c.service = 'store' AND c.topic = %(topic)s AND c.partition = 0), 1);

-- name: alerts
SELECT alert_id FROM alerts WHERE published_at IS NOT NULL;

-- name: waiting alerts
SELECT count(*) FROM alerts WHERE published_at IS NULL;
