"""From scores to signals: decision, filter, merge, dedup, and the state that these need."""
