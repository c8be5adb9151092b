-- Experiments and shadows: which experiment gave a row to its model, who was to shadow a call, and the views on both.

ALTER TABLE predictions ADD COLUMN experiment text NOT NULL DEFAULT ''; -- empty: none
ALTER TABLE model_calls ADD COLUMN shadows text[] NOT NULL DEFAULT '{}'; -- name:version of each

-- Rows of experiments only: reports don't read the others.
CREATE INDEX predictions_experiment ON predictions (experiment, event_time) WHERE experiment <> '';

-- One row per prediction that an experiment gave to one of its models, with what came of it. Returns are looked for from
-- the experiment's first bar to five horizons and ten days after its last one, once for each experiment and interval.
CREATE VIEW ab_outcomes AS
SELECT found.*,
       CASE WHEN found.position <> 0 AND found.actual_return <> 0
            THEN sign(found.position) = sign(found.actual_return) END AS hit,
       found.position * found.bar_return                              AS pnl
FROM (
    SELECT p.experiment                                           AS experiment_id,
           p.strategy,
           CASE p.role WHEN 'live' THEN 'control' ELSE p.role END AS arm,
           format('%s:%s', p.model, p.model_version)              AS model_id,
           p.symbol,
           p.interval,
           p.event_time                                           AS "timestamp",
           p.score                                                AS prediction,
           p.confidence,
           p.status,
           p.direction                                            AS signal,
           p.outcome,
           CASE WHEN p.outcome IN ('none', 'filtered', 'paused') THEN 0
                ELSE CASE p.direction WHEN 'long' THEN 1 WHEN 'short' THEN -1 ELSE 0 END END AS position,
           (SELECT s.position_scale FROM signals s
            WHERE p.outcome = 'emitted' AND s.symbol = p.symbol AND s.interval = p.interval
              AND s.event_time = p.event_time
            LIMIT 1)                                              AS position_scale,
           p.horizon,
           label.own_return                                       AS actual_return,
           exp(label.next_return) - 1                             AS bar_return,
           label.next_at                                          AS bar_return_at
    FROM predictions p
    LEFT JOIN (
        -- The newest revision of each label, those over the model's horizon and to the next bar side by side.
        SELECT tested.experiment, tested.strategy, tested.interval, tested.horizon,
               newest.symbol, newest.prediction_time,
               max(newest.log_return) FILTER (WHERE newest.horizon = tested.horizon) AS own_return,
               max(newest.log_return) FILTER (WHERE newest.horizon = 1)              AS next_return,
               max(newest.event_time) FILTER (WHERE newest.horizon = 1)              AS next_at
        FROM (
            SELECT experiment, strategy, interval, horizon, min(event_time) AS first, max(event_time) AS last
            FROM predictions
            WHERE experiment <> '' AND role IN ('live', 'arm')
            GROUP BY experiment, strategy, interval, horizon
        ) AS tested
        CROSS JOIN LATERAL (
            SELECT DISTINCT ON (r.symbol, one.prediction_time, one.horizon)
                   r.symbol, one.prediction_time, one.horizon, one.log_return, r.event_time
            FROM returns r
            CROSS JOIN LATERAL unnest(r.horizons, r.prediction_times, r.log_returns)
                AS one (horizon, prediction_time, log_return)
            WHERE r.interval = tested.interval AND one.horizon IN (1, tested.horizon)
              AND r.event_time > tested.first
              AND r.event_time <= tested.last + INTERVAL '10 days' + 5 * tested.horizon * tested.interval::interval
              AND one.prediction_time BETWEEN tested.first AND tested.last
            ORDER BY r.symbol, one.prediction_time, one.horizon, r.revision DESC, r.event_time DESC
        ) AS newest
        GROUP BY 1, 2, 3, 4, 5, 6
    ) AS label ON label.experiment = p.experiment AND label.strategy = p.strategy AND label.interval = p.interval
        AND label.horizon = p.horizon AND label.symbol = p.symbol AND label.prediction_time = p.event_time
    WHERE p.experiment <> '' AND p.role IN ('live', 'arm')
) AS found;

COMMENT ON VIEW ab_outcomes IS
    'One row per prediction that an A/B experiment gave to its control (the live model) or its arm.';
COMMENT ON COLUMN ab_outcomes.position IS
    'Direction that the row stands for: 1 long, -1 short, 0 flat, filtered, paused or skipped.';
COMMENT ON COLUMN ab_outcomes.position_scale IS 'What the emitted signal said; NULL where none was emitted.';
COMMENT ON COLUMN ab_outcomes.actual_return IS
    'Log return over the model''s horizon, the newest revision; NULL until it has matured.';
COMMENT ON COLUMN ab_outcomes.bar_return IS 'Simple return to the symbol''s next bar; NULL until it has closed.';
COMMENT ON COLUMN ab_outcomes.hit IS 'The position had the sign of actual_return; NULL without either.';
COMMENT ON COLUMN ab_outcomes.pnl IS 'position * bar_return: of a position of one, before costs and capital.';

-- One row per model, use and bar time.
CREATE VIEW model_performance AS
SELECT format('%s:%s', c.model, c.model_version)    AS model_id,
       c.event_time                                 AS "timestamp",
       avg(c.model_latency_ns)::double precision / 1e6 AS inference_latency,
       (SELECT max(d.value) FROM drift_metrics d
        WHERE d.metric = 'psi' AND d.strategy = c.strategy
          AND starts_with(d.subject, format('score/%s:%s/%s/', c.model, c.model_version, c.interval))
          AND d.subject LIKE '%/' || c.role
          AND d.session = (date_trunc('day', (c.event_time - INTERVAL '1 microsecond') AT TIME ZONE 'UTC')
                           + INTERVAL '1 day') AT TIME ZONE 'UTC') AS feature_drift_score,
       sum(c.symbols)::bigint                       AS prediction_count,
       c.strategy,
       c.role,
       c.interval,
       max(c.model_latency_ns)::double precision / 1e6 AS inference_latency_max,
       count(*) FILTER (WHERE c.deadline_missed)    AS deadlines_missed
FROM model_calls c
GROUP BY c.model, c.model_version, c.event_time, c.strategy, c.role, c.interval;

COMMENT ON VIEW model_performance IS 'How each model in use did at each bar time.';
COMMENT ON COLUMN model_performance.inference_latency IS 'Milliseconds, mean over the calls (one a partition).';
COMMENT ON COLUMN model_performance.feature_drift_score IS
    'Population stability index of the model''s scores in that session; NULL until it closes, or with too few names.';
COMMENT ON COLUMN model_performance.prediction_count IS 'Rows of predictions, those that a fallback answered included.';
