-- Group roles without a login, which an administrator grants to the users that services and people log in as. Roles
-- belong to the whole server: another database, or another migrating process, may have made them already. What each
-- may do stands in infra/warehouse/roles.py and is granted after every migration, so that later tables are included.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['signaltape_reader', 'signaltape_researcher', 'signaltape_writer',
                                  'signaltape_operator'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            END IF;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL;
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'role % is not there, and this user may not create it', wanted;
        END;
    END LOOP;
END $$;

-- What was asked of the HTTP API that changes something: one row before it is done, one with how it ended.
CREATE TABLE api_audit (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    prefix     text        NOT NULL, -- of the topics that it concerns
    request_id text        NOT NULL, -- the same in both rows of a call
    who        text        NOT NULL, -- name of the token that was shown; empty where none was accepted
    client     text        NOT NULL, -- address that it came from
    call       text        NOT NULL, -- method and path
    outcome    text        NOT NULL, -- asked | done | refused | failed | …
    detail     jsonb       NOT NULL DEFAULT '{}'
);
CREATE INDEX api_audit_newest ON api_audit (prefix, id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER api_audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON api_audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
