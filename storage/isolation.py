"""Whether tenants are apart in the database as it is: a look into its catalogue, for `kaze check` and the tests.

Migrations set it up; this finds what a later one forgot, and a role that was given too much.
"""

from storage.connection import Connection

_ROLE = """
SELECT format('the role %s passes over row-level security', rolname)
FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)"""

_OURS = """c.relnamespace = current_schema()::regnamespace AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"""

# As one, since of a database with a single role it is everything.
_OWNED = f"""
SELECT format('the application''s role owns what it may then lay open (%s): name their owner in database_owner,'
              ' and in database a role that owns nothing', string_agg(c.relname, ', ' ORDER BY c.relname))
FROM pg_class c WHERE {_OURS} AND c.relkind IN ('r', 'p', 'v', 'm') AND c.relowner = current_user::regrole
HAVING count(*) > 0"""  # noqa: S608

_TABLES = f"""
SELECT CASE
    WHEN NOT c.relrowsecurity THEN format('%s: has no row-level security', c.relname)
    ELSE format('%s: row-level security is not forced', c.relname) END
FROM pg_class c
WHERE {_OURS} AND c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
  AND (c.relname = 'tenants' OR c.relrowsecurity OR EXISTS (
      SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant' AND a.attnum > 0))"""  # noqa: S608

_POLICIES = f"""
SELECT format('%s: its policy %s lets everything through', c.relname, p.polname)
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
WHERE {_OURS} AND p.polpermissive
  AND coalesce(pg_get_expr(p.polqual, p.polrelid), '') NOT LIKE '%current_setting(''app.tenant''%'"""  # noqa: S608

_VIEWS = f"""
SELECT format('%s: has its owner''s rights (no security_invoker)', c.relname)
FROM pg_class c
WHERE {_OURS} AND c.relkind IN ('v', 'm')
  AND NOT coalesce(c.reloptions, '{{}}') && ARRAY['security_invoker=true', 'security_invoker=on']"""  # noqa: S608


async def weaknesses(connection: Connection) -> list[str]:
    """What would let one tenant see another's rows, seen by the application's role; nothing when all is well."""
    found = []
    for query in (_ROLE, _OWNED, _TABLES, _POLICIES, _VIEWS):
        found += [row[0] for row in await connection.fetch(query)]
    return found
