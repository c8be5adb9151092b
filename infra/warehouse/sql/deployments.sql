-- name: latest effect
SELECT applied.control_offset, max(applied.effective_p)
FROM control_applied applied
WHERE applied.generation = coalesce(
    (SELECT first_generation FROM checkpoints WHERE service = 'store' AND topic = %(control)s AND partition = 0), 1)
GROUP BY applied.control_offset;

-- name: effects
SELECT applied.partition, applied.control_offset, applied.effective_p
FROM control_applied applied
WHERE applied.generation = coalesce(
    (SELECT first_generation FROM checkpoints WHERE service = 'store' AND topic = %(control)s AND partition = 0), 1);
