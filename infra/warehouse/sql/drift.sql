-- name: state
SELECT state FROM agent_state WHERE service = %(service)s AND key = %(key)s;

-- name: save state
INSERT INTO agent_state (service, key, state) VALUES (%(service)s, %(key)s, %(state)s)
ON CONFLICT (service, key) DO UPDATE SET state = EXCLUDED.state, updated_at = now();

-- name: follow
-- The state of a round is the one before its offsets.
UPDATE checkpoints SET snapshot_offset = effect_offset
WHERE service = %(service)s AND topic = ANY (%(topics)s) AND snapshot_offset < effect_offset;

-- name: add metrics
-- A session is measured once; a repeated run finds the same numbers.
INSERT INTO drift_metrics (policy, strategy, subject, metric, session, verdict, value, sample_size, detail)
SELECT one.policy, one.strategy, one.subject, one.metric, to_timestamp(one.session_s), one.verdict, one.value,
       one.sample_size, one.detail
FROM unnest(%(policies)s::text[], %(strategies)s::text[], %(subjects)s::text[], %(metrics)s::text[],
            %(sessions_s)s::bigint[], %(verdicts)s::text[], %(values)s::double precision[],
            %(sample_sizes)s::integer[], %(details)s::jsonb[])
     AS one (policy, strategy, subject, metric, session_s, verdict, value, sample_size, detail)
ON CONFLICT DO NOTHING;

-- name: training reference
SELECT nullif(manifest -> 'psi_reference', 'null')::text, nullif(manifest -> 'drift_reference', 'null')::text
FROM models WHERE name = %(model)s AND version = %(version)s;

-- name: metrics of a strategy
-- Sessions are numbered by their day: a row's time is the last instant of its session (without those of an hour).
SELECT subject, metric, (extract(epoch FROM session) / 86400)::integer - 1, value, sample_size, detail
FROM drift_metrics
WHERE policy = %(policy)s AND strategy = %(strategy)s
  AND session > %(after)s::timestamptz AND session <= %(until)s::timestamptz
  AND metric NOT LIKE '%%\_intraday'
ORDER BY session, subject, metric;
