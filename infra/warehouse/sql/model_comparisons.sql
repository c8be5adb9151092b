-- name: add comparison
INSERT INTO model_comparisons (name, version, champion, champion_version, strategy, source, data, data_from, data_to,
                               decision, detail, by_whom)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
RETURNING id, compared_at;

-- name: newest comparison
-- Of this very pair; champion NULL: against none.
SELECT id, name, version, champion, champion_version, strategy, source, data, data_from, data_to, decision, detail,
       compared_at, by_whom
FROM model_comparisons
WHERE name = %s AND version = %s AND champion IS NOT DISTINCT FROM %s AND champion_version IS NOT DISTINCT FROM %s
ORDER BY id DESC LIMIT 1;

-- name: intervals of both
-- Where both have predicted, and how many rows of each.
SELECT mine.interval, count(*)
FROM predictions mine
JOIN predictions other USING (symbol, interval, event_time, source_offset)
WHERE mine.model = %(name)s AND mine.model_version = %(version)s
  AND other.model = %(champion)s AND other.model_version = %(champion_version)s
GROUP BY mine.interval;

-- name: live rows
-- Bars that both models answered themselves (status ok), with the return that came true; its newest revision.
WITH both_answered AS (
    SELECT DISTINCT ON (mine.symbol, mine.event_time)
           mine.symbol, mine.event_time,
           other.score AS old_score, other.confidence AS old_confidence, other.direction AS old_direction,
           mine.score, mine.confidence, mine.direction
    FROM predictions mine
    JOIN predictions other USING (symbol, interval, event_time, source_offset)
    WHERE mine.model = %(name)s AND mine.model_version = %(version)s AND mine.status = 'ok'
      AND other.model = %(champion)s AND other.model_version = %(champion_version)s AND other.status = 'ok'
      AND interval = %(interval)s AND event_time >= %(start)s
    ORDER BY mine.symbol, mine.event_time, source_offset DESC, mine.role, other.role, mine.strategy, other.strategy
), labels AS (
    SELECT DISTINCT ON (r.symbol, label.prediction_time) r.symbol, label.prediction_time, label.log_return
    FROM returns r
    CROSS JOIN LATERAL unnest(r.horizons, r.prediction_times, r.log_returns)
        AS label (horizon, prediction_time, log_return)
    WHERE r.interval = %(interval)s AND label.horizon = %(horizon)s AND r.event_time >= %(start)s
    ORDER BY r.symbol, label.prediction_time, r.revision DESC, r.event_time DESC
)
SELECT (extract(epoch FROM b.event_time) * 1000000)::bigint, labels.log_return,
       b.old_score, b.old_confidence, b.old_direction, b.score, b.confidence, b.direction
FROM both_answered b
JOIN labels ON labels.symbol = b.symbol AND labels.prediction_time = b.event_time
ORDER BY b.event_time, b.symbol;
