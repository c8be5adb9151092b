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

-- name: create schema
CREATE SCHEMA IF NOT EXISTS {schema};

-- name: schema path
-- Until the transaction ends: the schema, then the one that the extension's functions lie in, if there is one.
SELECT set_config('search_path', concat_ws(', ', quote_ident(%(schema)s), (
    SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'timescaledb')), true);

-- name: schemas like
SELECT nspname FROM pg_namespace WHERE nspname = %(schema)s;

-- name: tables of schema
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p') ORDER BY c.relname;

-- name: drop table
DROP TABLE {table} CASCADE;

-- name: drop schema
DROP SCHEMA IF EXISTS {schema} CASCADE;

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
