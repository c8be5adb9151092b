-- name: intervals
-- Of what there can be digests or rows in a span.
SELECT DISTINCT interval FROM digests WHERE event_time >= %(first)s AND event_time < %(end)s
UNION
SELECT DISTINCT interval FROM bars WHERE event_time >= %(first)s AND event_time < %(end)s;

-- name: recorded
-- Digests of the present log, added up over rounds and partitions. Lanes are summed as numeric: the reader takes them
-- modulo 2^64. Predictions and signals know no generation of bars.
SELECT d.stage, d.subject, d.event_time, sum(d.row_count)::bigint, sum(d.first_lane), sum(d.second_lane),
       array_agg(DISTINCT d.numerics), bool_or(d.origin = 'rows')
FROM digests d
LEFT JOIN unnest(%(partitions)s::integer[], %(generations)s::bigint[]) AS here (partition, generation)
  ON here.partition = d.partition
WHERE d.interval = %(interval)s AND d.event_time >= %(first)s AND d.event_time < %(end)s AND d.stage = ANY (%(stages)s)
  AND (d.stage IN ('predictions', 'signals') OR d.generation >= coalesce(here.generation, 0))
GROUP BY 1, 2, 3
ORDER BY 3, 1, 2;

-- name: present
-- Which digests there are, each place once: what is there is not made anew.
SELECT DISTINCT stage, subject, event_time, partition,
       CASE WHEN stage IN ('predictions', 'signals') THEN 0 ELSE generation END
FROM digests
WHERE interval = %(interval)s AND event_time >= %(first)s AND event_time < %(end)s;

-- name: sets
SELECT feature_set, set_version, set_hash FROM feature_sets ORDER BY 1, 2;

-- name: writers
SELECT kind, partition, first_revision, numerics FROM feature_writers ORDER BY first_revision;

-- name: features
-- Rows of the agent's; those that a history was loaded with (revision 0) have no digests.
SELECT f.event_time, f.partition, f.revision, f.symbol, f.close, f.available_time, f."values"
FROM features f
LEFT JOIN unnest(%(partitions)s::integer[], %(generations)s::bigint[]) AS here (partition, generation)
  ON here.partition = f.partition
WHERE f.interval = %(interval)s AND f.event_time >= %(first)s AND f.event_time < %(end)s AND f.feature_set = %(feature_set)s
  AND f.set_version = %(set_version)s AND f.kind = 'live' AND f.revision > 0
  AND f.revision >> 40 >= coalesce(here.generation, 0);

-- name: corrections
-- The agent's stand under the revision of the StateRepair that they come from. One that it dropped has a request in its
-- place, and what the repair job then wrote under that revision is none of the agent's.
SELECT f.event_time, f.partition, f.revision, f.symbol, f.close, f.available_time, f."values"
FROM features f
JOIN log_events e ON e.partition = f.partition AND e.generation = f.revision >> 40
 AND e.source_offset = (f.revision & ((1::bigint << 40) - 1)) - 1 AND e.type = 'StateRepair'
LEFT JOIN unnest(%(partitions)s::integer[], %(generations)s::bigint[]) AS here (partition, generation)
  ON here.partition = f.partition
WHERE f.interval = %(interval)s AND f.event_time >= %(first)s AND f.event_time < %(end)s AND f.feature_set = %(feature_set)s
  AND f.set_version = %(set_version)s AND f.kind = 'correction' AND f.revision > 0
  AND f.revision >> 40 >= coalesce(here.generation, 0)
  AND NOT EXISTS (SELECT FROM repair_requests q
                  WHERE q.partition = f.partition AND q.generation = e.generation AND q.symbol = f.symbol
                    AND q.interval = f.interval AND q.source_offset = e.source_offset);

-- name: predictions
-- What rows of one call share is in its own row.
SELECT p.event_time, p.partition, p.strategy, p.role, p.model, coalesce(c.model_sha256, ''), p.experiment, p.interval,
       p.model_version, p.horizon, p.symbol, p.status, p.direction, p.outcome, p.score, p.confidence,
       coalesce(c.numerics, '')
FROM predictions p
LEFT JOIN model_calls c
  ON c.partition = p.partition AND c.event_time = p.event_time AND c.source_offset = p.source_offset
 AND c.interval = p.interval AND c.strategy = p.strategy AND c.model = p.model AND c.model_version = p.model_version
 AND c.role = p.role
WHERE p.interval = %(interval)s AND p.event_time >= %(first)s AND p.event_time < %(end)s;

-- name: signals
SELECT event_time, partition, signal_id, symbol, interval, signal, score, confidence, horizon, reference_price,
       position_scale, strategy, model, model_version, models, expires_at, reason
FROM signals
WHERE interval = %(interval)s AND event_time >= %(first)s AND event_time < %(end)s;
