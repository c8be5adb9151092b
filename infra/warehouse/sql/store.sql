-- name: add deployment
INSERT INTO deployments (generation, control_offset, event_id, action, strategy, model, model_version, symbols,
                         parameters, effective_from, issued_at, issued_by, reason, cause)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING;

-- name: add applied
-- One event can leave two notices, of which one says that it was late.
INSERT INTO control_applied AS kept (generation, partition, control_offset, effective_p, late)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (partition, generation, control_offset) DO UPDATE SET late = kept.late OR excluded.late
WHERE kept.late IS DISTINCT FROM (kept.late OR excluded.late);

-- name: control generation
-- Offsets of `control` are told apart by the log that they count in.
SELECT first_generation FROM checkpoints WHERE service = 'store' AND topic = %s AND partition = 0;
