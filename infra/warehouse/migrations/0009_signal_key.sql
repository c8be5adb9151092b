-- The newest signal of a symbol and interval is one backward step in the key's index, as in the other tables.
ALTER TABLE signals DROP CONSTRAINT signals_pkey;
ALTER TABLE signals ADD PRIMARY KEY (symbol, interval, event_time, signal_id);
