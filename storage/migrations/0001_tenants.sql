-- Tenants, what they call with, and what they are routed to. Amounts are nano-dollars.
--
-- Row-level security: a session sees the rows of the tenant in `app.tenant`, which is set inside each transaction;
-- '*' stands for every tenant, and where it is unset nothing is seen: the setting is missing, which is an error, or
-- empty, which is no tenant's name.

-- Protects a table: the owner is bound as well, and the application gets the privileges given, if any.
CREATE FUNCTION protect(protected regclass, tenant_column name, privileges text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', protected);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', protected);
    EXECUTE format(
        'CREATE POLICY own_tenant ON %1$s'
        ' USING (%2$I = current_setting(''app.tenant'') OR current_setting(''app.tenant'') = ''*'')'
        ' WITH CHECK (%2$I = current_setting(''app.tenant'') OR current_setting(''app.tenant'') = ''*'')',
        protected, tenant_column);
    IF privileges <> '' THEN
        EXECUTE format('GRANT %s ON %s TO %I', privileges, protected, current_setting('kaze.application'));
    END IF;
END $$;

-- Protects a table that belongs to no tenant but tells of all of them: only those who serve every tenant see it.
CREATE FUNCTION protect_shared(protected regclass, privileges text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', protected);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', protected);
    EXECUTE format(
        'CREATE POLICY every_tenant ON %s USING (current_setting(''app.tenant'') = ''*'')'
        ' WITH CHECK (current_setting(''app.tenant'') = ''*'')', protected);
    EXECUTE format('GRANT %s ON %s TO %I', privileges, protected, current_setting('kaze.application'));
END $$;

REVOKE ALL ON FUNCTION protect, protect_shared FROM PUBLIC;

DO $$ BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', current_setting('kaze.application'));
    EXECUTE format('GRANT SELECT ON schema_migrations TO %I', current_setting('kaze.application'));
END $$;

CREATE DOMAIN identifier AS text CHECK (VALUE ~ '^[a-z0-9][a-z0-9._-]{0,63}$');
CREATE DOMAIN secret_reference AS text CHECK (VALUE ~ '^(env|file|vault):.' AND length(VALUE) <= 1000);
CREATE DOMAIN priority AS text
    CHECK (VALUE IN ('supervised', 'conversation', 'scheduled', 'consolidation', 'evaluation'));

-- One row: how often the configuration below changed. Workers that hear of a new number read everything again.
CREATE TABLE generation (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    number bigint NOT NULL DEFAULT 1
);
INSERT INTO generation DEFAULT VALUES;

-- As the owner, since the application may not change the number by itself.
CREATE FUNCTION next_generation() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    current bigint;
BEGIN
    UPDATE generation SET number = number + 1 RETURNING number INTO current;
    PERFORM pg_notify('kaze_generation', current::text);
    RETURN NULL;
END $$;

CREATE TABLE tenants (
    id identifier PRIMARY KEY,
    name text NOT NULL DEFAULT '' CHECK (length(name) <= 200),
    weight double precision NOT NULL DEFAULT 1 CHECK (weight > 0 AND weight <= 1e6),
    models jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(models) = 'object'),
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'deleted')),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- `digest` is the HMAC of the key under the pepper of that version. During a rotation the old one counts until
-- `old_until`. Digests are unique over all tenants, which tells nobody anything: they cannot be guessed.
CREATE TABLE tenant_keys (
    tenant identifier NOT NULL REFERENCES tenants (id),
    id identifier NOT NULL,
    digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    pepper_version integer NOT NULL DEFAULT 1 CHECK (pepper_version > 0),
    old_digest bytea UNIQUE CHECK (length(old_digest) = 32),
    old_until timestamptz,
    tail text NOT NULL DEFAULT '' CHECK (length(tail) <= 4),
    priority priority NOT NULL DEFAULT 'conversation',
    priority_max priority NOT NULL DEFAULT 'supervised',
    limits jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(limits) = 'object'),
    models text[] NOT NULL DEFAULT '{*}',
    endpoints text[] NOT NULL DEFAULT '{*}',
    addresses cidr[] NOT NULL DEFAULT '{}',
    expires_at timestamptz,
    revoked_at timestamptz,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, id),
    CHECK ((old_digest IS NULL) = (old_until IS NULL))
);

-- Apart from the keys, as it changes all the time and is no change of the configuration.
CREATE TABLE tenant_key_use (
    tenant identifier NOT NULL,
    key identifier NOT NULL,
    last_used_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, key),
    FOREIGN KEY (tenant, key) REFERENCES tenant_keys (tenant, id) ON DELETE CASCADE
) WITH (fillfactor = 50);

CREATE TABLE providers (
    id identifier PRIMARY KEY,
    dialect text NOT NULL CHECK (dialect IN ('openai', 'azure', 'anthropic', 'gemini', 'ollama')),
    base_url text NOT NULL CHECK (length(base_url) <= 2048),
    flavour text,
    local boolean NOT NULL DEFAULT false,
    apis text[],
    insecure_http boolean NOT NULL DEFAULT false,
    api_version text,
    egress_proxy text,
    egress_proxy_auth secret_reference,
    ca_file text,
    echo_model boolean,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Provider keys. The secret itself is never here.
CREATE TABLE pools (
    id identifier PRIMARY KEY,
    provider identifier NOT NULL REFERENCES providers (id),
    secret secret_reference,
    tenants text[] NOT NULL DEFAULT '{*}' CHECK (cardinality(tenants) > 0),
    limits jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(limits) = 'object'),
    model_limits jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(model_limits) = 'object'),
    burst_s double precision CHECK (burst_s > 0 AND burst_s <= 60),
    models text[] NOT NULL DEFAULT '{*}' CHECK (cardinality(models) > 0),
    weight double precision NOT NULL DEFAULT 1 CHECK (weight > 0 AND weight <= 1e6),
    state text NOT NULL DEFAULT 'enabled' CHECK (state IN ('enabled', 'disabled', 'draining')),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE models (
    id text PRIMARY KEY CHECK (id ~ '^[!-~]+$' AND length(id) <= 256),
    targets text[] NOT NULL CHECK (cardinality(targets) > 0),
    overflow text,
    hint identifier,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- `tenant` is '*' for a budget of all tenants together, and `key` is set for one of a single tenant key.
CREATE TABLE budgets (
    id identifier PRIMARY KEY,
    tenant text NOT NULL CHECK (tenant = '*' OR tenant ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
    key identifier,
    period text NOT NULL CHECK (period IN ('day', 'week', 'month', 'total')),
    anchor_day smallint NOT NULL DEFAULT 1 CHECK (anchor_day BETWEEN 1 AND 31),
    limit_nusd bigint NOT NULL CHECK (limit_nusd >= 0),
    enforce text NOT NULL DEFAULT 'hard' CHECK (enforce IN ('hard', 'soft')),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (key IS NULL OR tenant <> '*'),
    FOREIGN KEY (tenant, key) REFERENCES tenant_keys (tenant, id)
);
CREATE INDEX budgets_of_tenant ON budgets (tenant);

SELECT protect('tenants', 'id', 'SELECT, INSERT, UPDATE, DELETE');
SELECT protect('tenant_keys', 'tenant', 'SELECT, INSERT, UPDATE, DELETE');
SELECT protect('tenant_key_use', 'tenant', 'SELECT, INSERT, UPDATE, DELETE');
SELECT protect('budgets', 'tenant', 'SELECT, INSERT, UPDATE, DELETE');
SELECT protect_shared('pools', 'SELECT, INSERT, UPDATE, DELETE');

DO $$
DECLARE
    configuration text;
BEGIN
    EXECUTE format('GRANT SELECT ON generation TO %I', current_setting('kaze.application'));
    EXECUTE format(
        'GRANT SELECT, INSERT, UPDATE, DELETE ON providers, models TO %I', current_setting('kaze.application'));
    FOREACH configuration IN ARRAY ARRAY['tenants', 'tenant_keys', 'providers', 'pools', 'models', 'budgets'] LOOP
        EXECUTE format(
            'CREATE TRIGGER next_generation AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION next_generation()', configuration);
    END LOOP;
END $$;
