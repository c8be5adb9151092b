-- name: take turns
-- Two runs at once: the second measures after the first has committed, and finds nothing new.
SELECT pg_advisory_xact_lock(hashtextextended('signaltape drift revisions', 0));

-- name: corrected sessions
-- Labels that were corrected, by the session in which they matured, where more were than a revision has seen.
WITH corrected AS (
    SELECT r.interval, label.horizon::integer AS horizon,
           (date_trunc('day', (r.event_time - INTERVAL '1 microsecond') AT TIME ZONE 'UTC') + INTERVAL '1 day')
               AT TIME ZONE 'UTC' AS session,
           count(*) AS corrections
    FROM returns r
    CROSS JOIN LATERAL unnest(r.horizons) AS label (horizon)
    WHERE r.kind = 'correction'
    GROUP BY 1, 2, 3
)
SELECT c.interval, c.horizon, c.session, c.corrections
FROM corrected c
LEFT JOIN drift_revised_sessions seen USING (interval, horizon, session)
WHERE %(all)s OR c.corrections > coalesce(seen.corrections, 0)
ORDER BY c.session, c.interval, c.horizon;

-- name: series of a session
SELECT DISTINCT strategy, subject FROM drift_metrics
WHERE metric = 'ic' AND session = %(session)s AND subject LIKE 'score/%%' ORDER BY 1, 2;

-- name: matured pairs
-- A series' own predictions whose labels matured in the session, with the labels as they are known now; of several
-- predictions for one bar the first, as the agent takes it.
WITH labels AS (
    SELECT DISTINCT ON (r.symbol, label.prediction_time) r.symbol, label.prediction_time, label.log_return
    FROM returns r
    CROSS JOIN LATERAL unnest(r.horizons, r.prediction_times, r.log_returns)
        AS label (horizon, prediction_time, log_return)
    WHERE r.interval = %(interval)s AND label.horizon = %(horizon)s
      AND r.event_time > %(session)s - INTERVAL '1 day' AND r.event_time <= %(session)s
    ORDER BY r.symbol, label.prediction_time, r.revision DESC
), own AS (
    SELECT DISTINCT ON (p.event_time, p.symbol) p.event_time, p.symbol, p.score
    FROM predictions p
    WHERE p.interval = %(interval)s AND p.horizon = %(horizon)s AND p.strategy = %(strategy)s
      AND p.model = %(model)s AND p.model_version = %(version)s AND p.role = %(role)s AND p.status = 'ok'
      AND p.event_time >= (SELECT min(prediction_time) FROM labels)
      AND p.event_time <= (SELECT max(prediction_time) FROM labels)
    ORDER BY p.event_time, p.symbol, p.source_offset
)
SELECT (extract(epoch FROM own.event_time) * 1000000)::bigint, own.symbol, own.score, labels.log_return
FROM own
JOIN labels ON labels.symbol = own.symbol AND labels.prediction_time = own.event_time
ORDER BY 1, own.symbol COLLATE "C";

-- name: add revisions
-- Only what differs from the last known value; equal ones, as a repeated run finds them, add nothing.
INSERT INTO drift_revisions (strategy, subject, metric, session, revision, verdict, value, sample_size, detail)
SELECT one.strategy, one.subject, one.metric, one.session,
       1 + coalesce((SELECT max(r.revision) FROM drift_revisions r
                     WHERE r.strategy = one.strategy AND r.subject = one.subject AND r.metric = one.metric
                       AND r.session = one.session), 0),
       one.verdict, one.value, one.sample_size, one.detail
FROM (
    SELECT found.*, to_timestamp(found.session_s) AS session
    FROM unnest(%(strategies)s::text[], %(subjects)s::text[], %(metrics)s::text[], %(sessions_s)s::bigint[],
                %(verdicts)s::text[], %(values)s::double precision[], %(sample_sizes)s::integer[],
                %(details)s::jsonb[])
         AS found (strategy, subject, metric, session_s, verdict, value, sample_size, detail)
) AS one
CROSS JOIN LATERAL (
    SELECT known.verdict, known.value, known.sample_size
    FROM (
        SELECT m.verdict, m.value, m.sample_size, 0 AS revision FROM drift_metrics m
        WHERE m.strategy = one.strategy AND m.subject = one.subject AND m.metric = one.metric
          AND m.session = one.session
        UNION ALL
        SELECT r.verdict, r.value, r.sample_size, r.revision FROM drift_revisions r
        WHERE r.strategy = one.strategy AND r.subject = one.subject AND r.metric = one.metric
          AND r.session = one.session
    ) AS known
    ORDER BY known.revision DESC LIMIT 1
) AS last
WHERE (last.verdict, last.value, last.sample_size) IS DISTINCT FROM (one.verdict, one.value, one.sample_size)
RETURNING strategy, subject, metric, session, revision, value,
          (SELECT m.value FROM drift_metrics m
           WHERE m.strategy = drift_revisions.strategy AND m.subject = drift_revisions.subject
             AND m.metric = drift_revisions.metric AND m.session = drift_revisions.session LIMIT 1);

-- name: mark revised
INSERT INTO drift_revised_sessions (interval, horizon, session, corrections)
VALUES (%(interval)s, %(horizon)s, %(session)s, %(corrections)s)
ON CONFLICT (interval, horizon, session)
DO UPDATE SET corrections = EXCLUDED.corrections, revised_at = now();
