-- name: ensure
INSERT INTO checkpoints (service, topic, partition, topic_id, effect_offset, snapshot_offset)
SELECT %(service)s, %(topic)s, place.partition, %(topic_id)s, place.start, place.start
FROM unnest(%(partitions)s::integer[], %(starts)s::bigint[]) AS place (partition, start)
ON CONFLICT DO NOTHING;

-- name: take
UPDATE checkpoints SET epoch = epoch + 1, updated_at = now()
WHERE service = %(service)s AND topic = %(topic)s AND partition = %(partition)s
RETURNING topic_id, generation, first_generation, epoch, effect_offset, snapshot_offset, snapshot;

-- name: end predecessor
-- The session of the service whose open transaction has changed this checkpoint: xmax names it.
SELECT pg_terminate_backend(session.pid)
FROM checkpoints AS kept
JOIN pg_locks AS held ON held.locktype = 'transactionid' AND held.transactionid = kept.xmax AND held.granted
     AND held.mode = 'ExclusiveLock'
JOIN pg_stat_activity AS session ON session.pid = held.pid
WHERE kept.service = %(service)s AND kept.topic = %(topic)s AND kept.partition = %(partition)s
  AND session.pid <> pg_backend_pid() AND session.application_name LIKE 'signaltape-' || %(service)s || '%%';

-- name: read
SELECT partition, topic_id, generation, first_generation, epoch, effect_offset, snapshot_offset, snapshot
FROM checkpoints WHERE service = %(service)s AND topic = %(topic)s ORDER BY partition;

-- name: advance
-- Only forwards and only under the epoch taken: what is not returned is stale, or was written before.
UPDATE checkpoints AS kept SET effect_offset = round.next_offset, updated_at = now()
FROM unnest(%(partitions)s::integer[], %(epochs)s::bigint[], %(offsets)s::bigint[])
     AS round (partition, epoch, next_offset)
WHERE kept.service = %(service)s AND kept.topic = %(topic)s AND kept.partition = round.partition
  AND kept.epoch = round.epoch AND kept.effect_offset < round.next_offset
RETURNING kept.partition;

-- name: position
SELECT partition, epoch, effect_offset FROM checkpoints
WHERE service = %(service)s AND topic = %(topic)s AND partition = ANY (%(partitions)s);

-- name: save snapshot
UPDATE checkpoints SET snapshot_offset = %(offset)s, snapshot = %(snapshot)s, updated_at = now()
WHERE service = %(service)s AND topic = %(topic)s AND partition = %(partition)s
  AND epoch = %(epoch)s AND snapshot_offset <= %(offset)s AND effect_offset >= %(offset)s
RETURNING partition;

-- name: keep snapshot
INSERT INTO engine_snapshots
    (partition, source_offset, session, event_time, code_hash, sets_hash, generation, snapshot)
VALUES (%(partition)s, %(source_offset)s, %(session)s, %(event_time)s,
        %(code_hash)s, %(sets_hash)s, %(generation)s, %(snapshot)s)
ON CONFLICT DO NOTHING;

-- name: repair
UPDATE checkpoints
SET topic_id = %(topic_id)s,
    generation = generation + 1,
    first_generation = CASE WHEN %(new_log)s THEN generation + 1 ELSE first_generation END,
    epoch = epoch + 1,
    effect_offset = %(effect_offset)s,
    snapshot_offset = %(snapshot_offset)s,
    snapshot = CASE WHEN %(keep_snapshot)s THEN snapshot END,
    updated_at = now()
WHERE service = %(service)s AND topic = %(topic)s AND partition = %(partition)s
RETURNING generation;
