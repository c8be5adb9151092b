-- name: forget drift state
DELETE FROM agent_state WHERE service = 'drift' AND key = %(key)s;

-- name: new drift generation
-- Tells the drift agent that its state may begin in the middle of a chain.
UPDATE checkpoints SET generation = generation + 1, epoch = epoch + 1, updated_at = now()
WHERE service = 'drift' AND topic = ANY (%(topics)s);
