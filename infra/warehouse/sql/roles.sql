-- name: existing
SELECT rolname FROM pg_roles WHERE rolname = ANY (%(roles)s);

-- name: relations
-- Tables and views of the schema that the connection works in, parts of partitioned ones left out.
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
ORDER BY 1;

-- name: missing
-- Those of the wanted privileges that aren't there; "columns": names of those on which it is wanted, empty for all.
SELECT w.place
FROM unnest(%(roles)s::text[], %(relations)s::text[], %(privileges)s::text[], %(columns)s::text[]) WITH ORDINALITY
     AS w (role, relation, privilege, columns, place),
     LATERAL (SELECT format('%%I.%%I', current_schema(), w.relation) AS name) AS n
WHERE CASE WHEN w.columns = '' THEN NOT has_table_privilege(w.role, n.name, w.privilege)
           ELSE EXISTS (SELECT FROM unnest(string_to_array(w.columns, ', ')) AS c
                        WHERE NOT has_column_privilege(w.role, n.name, c, w.privilege)) END
ORDER BY w.place;

-- name: closed schema
-- Roles that can't see into the schema.
SELECT current_schema(), role FROM unnest(%(roles)s::text[]) AS role
WHERE NOT has_schema_privilege(role, current_schema(), 'USAGE');

-- name: open schema
GRANT USAGE ON SCHEMA {schema} TO {role};

-- name: grant
GRANT {privilege} ON {relations} TO {role};

-- name: mine
-- Of which of these roles the user of this connection is a member.
SELECT current_user::text, array(SELECT r FROM unnest(%(roles)s::text[]) AS r
    WHERE EXISTS (SELECT FROM pg_roles p WHERE p.rolname = r) AND pg_has_role(current_user, r, 'MEMBER') ORDER BY r);
