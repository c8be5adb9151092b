-- name: newest bars
-- One row per symbol and close: the newest revision of the vendor that counts, late bars included.
SELECT DISTINCT ON (event_time, symbol) symbol, event_time, open, high, low, close, volume
FROM bars
WHERE interval = %(interval)s AND status <> 'secondary'
  AND event_time >= coalesce(%(first)s::timestamptz, '-infinity') AND event_time <= coalesce(%(last)s::timestamptz, 'infinity')
ORDER BY event_time, symbol, revision DESC, generation DESC, ingest_time DESC;
