-- Offsets of `control` count within one log: a topic that was recreated counts from 0 again, and its events must not
-- be taken for those of the log before. generation: the one in which the checkpoint of `control` first saw its log.

ALTER TABLE deployments ADD COLUMN generation bigint NOT NULL DEFAULT 1;
ALTER TABLE control_applied ADD COLUMN generation bigint NOT NULL DEFAULT 1;

-- Until now rows of a later log were dropped where the offsets were the same: what is there is of the first one.
ALTER TABLE deployments DROP CONSTRAINT deployments_pkey, ADD PRIMARY KEY (generation, control_offset);
ALTER TABLE control_applied DROP CONSTRAINT control_applied_pkey, ADD PRIMARY KEY (partition, generation, control_offset);
