-- Makes the user that Grafana logs in as, or gives it its password anew. Run by psql as the tables' owner, after `init`.
\set ON_ERROR_STOP on
\getenv user SIGNALTAPE_GRAFANA_DB_USER
\getenv password SIGNALTAPE_GRAFANA_DB_PASSWORD
-- A statement that fails must not leave the password in the server's log.
SET log_min_error_statement = panic;
SELECT format('CREATE ROLE %I LOGIN', :'user')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'user') \gexec
SELECT format('ALTER ROLE %I LOGIN PASSWORD %L CONNECTION LIMIT 8', :'user', :'password') \gexec
SELECT format('ALTER ROLE %I SET default_transaction_read_only = on', :'user') \gexec
SELECT format('ALTER ROLE %I SET statement_timeout = %L', :'user', '30s') \gexec
SELECT format('GRANT signaltape_reader TO %I', :'user') \gexec
