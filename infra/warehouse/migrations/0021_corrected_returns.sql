-- Corrected returns are few among all: what looks for them need not read the others.
CREATE INDEX returns_corrections ON returns (event_time) WHERE kind = 'correction';
