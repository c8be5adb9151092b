-- name: only hash joins
-- Tables that were filled a moment ago have no statistics: each side of a join is then taken for one row, and the join
-- for a loop that reads one side again for each row of the other, minutes for a few thousand rows. Holds until the
-- transaction ends.
SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off;
