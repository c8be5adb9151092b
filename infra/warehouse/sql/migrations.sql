-- name: lock
-- One migrating process at a time; released with the transaction.
SELECT pg_advisory_xact_lock(hashtext('signaltape migrations'));

-- name: extension
-- The loader of a server that has the library preloaded defines timescaledb.disable_load, in every database.
SELECT (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
       current_setting('timescaledb.license', true),
       current_setting('timescaledb.disable_load', true) IS NOT NULL
           AND EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb');

-- name: create extension
CREATE EXTENSION IF NOT EXISTS timescaledb;

-- name: table
CREATE TABLE IF NOT EXISTS schema_migrations (
    number     integer     PRIMARY KEY,
    name       text        NOT NULL,
    checksum   text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- name: applied
SELECT number, name, checksum FROM schema_migrations ORDER BY number;

-- name: record
INSERT INTO schema_migrations (number, name, checksum) VALUES (%s, %s, %s);
