-- name: tape
-- The newest signals that pass the filters; NULL lets everything pass. Of one symbol, its key's index is walked, else
-- that of times: the time stands by itself beside the place, because an index begins with it and with nothing else.
SELECT s.signal_id, s.seq, s.symbol, s.signal, s.score, s.confidence, s.event_time, s.interval, s.horizon,
       s.reference_price, s.position_scale, s.strategy, s.model, s.model_version, s.models, s.partition,
       s.source_offset, s.expires_at, s.reason
FROM signals s
WHERE (%(symbol)s::text IS NULL OR s.symbol = %(symbol)s)
  AND (%(prefix)s::text IS NULL OR starts_with(s.symbol, %(prefix)s))
  AND (%(strategy)s::text IS NULL OR s.strategy = %(strategy)s)
  AND (%(model)s::text IS NULL OR %(model)s = ANY (s.models) OR s.model = %(model)s)
  AND (%(direction)s::text IS NULL OR s.signal = %(direction)s)
  AND (%(interval)s::text IS NULL OR s.interval = %(interval)s)
  AND (%(confidence)s::double precision IS NULL OR s.confidence >= %(confidence)s)
  AND (%(before)s::timestamptz IS NULL OR s.event_time <= %(before)s)
  AND (%(time)s::timestamptz IS NULL
       OR s.event_time <= %(time)s
          AND (s.event_time, s.seq, s.signal_id COLLATE "C") < (%(time)s, %(seq)s::bigint, %(signal_id)s::text))
ORDER BY s.event_time DESC, s.seq DESC, s.signal_id COLLATE "C" DESC
LIMIT %(limit)s;

-- name: held back
-- The newest rows of one symbol that serve and that no signal was sent for.
SELECT event_time, interval, strategy, model, model_version, role, score, confidence, status, direction, outcome
FROM predictions
WHERE symbol = %(symbol)s AND (%(interval)s::text IS NULL OR interval = %(interval)s)
  AND role IN ('live', 'arm') AND outcome <> 'emitted'
  AND event_time > (SELECT max(event_time) - INTERVAL '10 days' FROM predictions
                    WHERE symbol = %(symbol)s AND (%(interval)s::text IS NULL OR interval = %(interval)s))
ORDER BY event_time DESC, strategy, model LIMIT %(limit)s;

-- name: bars up to
-- As they are known now, of the source whose bars make features; the newest first.
SELECT DISTINCT ON (event_time) event_time, open, high, low, close, volume, revision
FROM bars
WHERE symbol = %(symbol)s AND interval = %(interval)s AND event_time <= %(at)s AND status <> 'secondary'
ORDER BY event_time DESC, revision DESC LIMIT %(limit)s;

-- name: bars after
SELECT DISTINCT ON (event_time) event_time, open, high, low, close, volume, revision
FROM bars
WHERE symbol = %(symbol)s AND interval = %(interval)s AND event_time > %(at)s AND status <> 'secondary'
ORDER BY event_time, revision DESC LIMIT %(limit)s;

-- name: matured
-- The label of one bar and horizon, as it is known now.
SELECT log_return, event_time FROM return_values
WHERE symbol = %(symbol)s AND interval = %(interval)s AND event_time > %(at)s AND event_time <= %(until)s
  AND prediction_time = %(at)s AND horizon = %(horizon)s
ORDER BY revision DESC LIMIT 1;

-- name: sent around
-- Signals of the symbol within the times shown.
SELECT signal_id, event_time, signal, confidence FROM signals
WHERE symbol = %(symbol)s AND interval = %(interval)s AND event_time BETWEEN %(first)s AND %(last)s
ORDER BY event_time LIMIT 500;
