-- Logs that an agent took before 0014 have no beginnings, and nothing would notice that a set was added to them. All
-- partitions of a log are computed with the same sets: those of which it has rows, from its beginning on.
INSERT INTO feature_set_beginnings (topic, partition, feature_set, set_version)
WITH taken AS (
    SELECT topic, partition, first_generation FROM checkpoints c
    WHERE service = 'features' AND epoch > 0 AND NOT EXISTS
        (SELECT FROM feature_set_beginnings b WHERE b.topic = c.topic AND b.partition = c.partition)
), computed AS (
    -- Rows of earlier logs, and of loaded histories (revision 0), don't count.
    SELECT DISTINCT t.topic, f.feature_set, f.set_version
    FROM taken t JOIN features f ON f.partition = t.partition AND f.revision > (t.first_generation << 40)
)
SELECT topic, taken.partition, computed.feature_set, computed.set_version FROM taken JOIN computed USING (topic);
