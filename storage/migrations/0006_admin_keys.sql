-- Who may use the admin API, besides the one key that the gateway is started with.

-- Of the key itself only its HMAC is kept. A revoked one stays, as the audit trail names it.
CREATE TABLE admin_keys (
    id identifier PRIMARY KEY CHECK (id <> 'root'),
    role text NOT NULL CHECK (role IN ('owner', 'operator', 'auditor', 'metrics')),
    kind text NOT NULL DEFAULT 'human' CHECK (kind IN ('human', 'service')),
    digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    pepper_version text NOT NULL CHECK (length(pepper_version) <= 32),
    tail text NOT NULL DEFAULT '' CHECK (length(tail) <= 4),
    expires_at timestamptz,
    revoked_at timestamptz,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
SELECT protect_shared('admin_keys', 'SELECT, INSERT, UPDATE');

-- A pepper's version is a name that is derived from it (keys/digest.py), no number that somebody counts.
ALTER TABLE tenant_keys DROP CONSTRAINT IF EXISTS tenant_keys_pepper_version_check;
ALTER TABLE tenant_keys ALTER COLUMN pepper_version DROP DEFAULT;
ALTER TABLE tenant_keys ALTER COLUMN pepper_version TYPE text USING pepper_version::text;
ALTER TABLE tenant_keys ALTER COLUMN pepper_version SET DEFAULT '';
ALTER TABLE tenant_keys ADD CONSTRAINT tenant_keys_pepper_version_length CHECK (length(pepper_version) <= 32);

-- Who a deleted tenant's usage was attributed to, some rows at a time; what was used and what it cost stays.
CREATE FUNCTION erase_usage_attribution(erased text, at_most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM tenants WHERE id = erased AND state = 'deleted') THEN
        RAISE EXCEPTION 'only a deleted tenant''s usage is stripped of its attribution';
    END IF;
    UPDATE usage_log SET agent = '', task = '' WHERE (month, request_id, attempt) IN (
        SELECT month, request_id, attempt FROM usage_log
        WHERE tenant = erased AND (agent <> '' OR task <> '') LIMIT at_most);
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;
REVOKE ALL ON FUNCTION erase_usage_attribution FROM PUBLIC;
DO $$ BEGIN
    EXECUTE format('GRANT EXECUTE ON FUNCTION erase_usage_attribution TO %I', current_setting('kaze.application'));
END $$;
