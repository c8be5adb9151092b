-- name: keep router snapshot
INSERT INTO router_snapshots
    (partition, generation, session, event_time, fence_offset, fence_part, seq, state_version, state, topic_offset)
VALUES (%(partition)s, %(generation)s, %(session)s, %(event_time)s, %(fence_offset)s, %(fence_part)s, %(seq)s,
        %(state_version)s, %(state)s, %(topic_offset)s)
ON CONFLICT DO NOTHING;

-- name: newest router snapshot
SELECT event_time, fence_offset, fence_part, seq, state_version, state
FROM router_snapshots
WHERE partition = %(partition)s AND event_time <= %(event_time)s AND generation >= %(first_generation)s
ORDER BY event_time DESC, topic_offset DESC LIMIT 1;
