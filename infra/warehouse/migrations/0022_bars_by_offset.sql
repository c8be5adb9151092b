-- A stretch of the log is read by its offsets. Rows lie in about their order, on all partitions at once.
CREATE INDEX bars_offset ON bars USING brin (source_offset);
