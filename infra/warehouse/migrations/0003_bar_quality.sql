-- Marks on bars: a sum of bits (1 gap, 2 spike, 4 stale price, 8 zero volume). A marked bar is used like any other.

ALTER TABLE bars ADD COLUMN quality smallint NOT NULL DEFAULT 0;

-- Marks are few: their index costs next to nothing, and a report's examples are found without reading the bars.
CREATE INDEX bars_marked ON bars (symbol, interval, event_time DESC) WHERE quality <> 0;
