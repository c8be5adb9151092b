-- Signals are looked up by (the beginning of) their id.
CREATE INDEX signals_id ON signals (signal_id text_pattern_ops);
