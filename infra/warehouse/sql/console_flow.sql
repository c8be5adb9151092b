-- name: beginnings
-- Whether anything was ever stored: what an empty pipeline lacks is told by the first of these that is missing.
SELECT EXISTS (SELECT FROM bars), EXISTS (SELECT FROM models), EXISTS (SELECT FROM signals);
