-- Who did what: rows that can be added and nothing else, each holding the hash of the one before it.

-- `body` is canonical JSON and the only thing that is written; the other columns are read out of it, so that none can
-- be changed without the hash. `tenant` names the chain: a tenant, or '*' for what concerns the gateway as a whole.
CREATE TABLE audit_log (
    body text NOT NULL CHECK (length(body) <= 65536),
    prev_hash bytea NOT NULL CHECK (length(prev_hash) = 32),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    tenant text NOT NULL GENERATED ALWAYS AS (body::jsonb ->> 'tenant') STORED,
    seq bigint NOT NULL GENERATED ALWAYS AS ((body::jsonb ->> 'seq')::bigint) STORED,
    at text NOT NULL GENERATED ALWAYS AS (body::jsonb ->> 'at') STORED,
    actor_kind text NOT NULL GENERATED ALWAYS AS (body::jsonb ->> 'actor_kind') STORED
        CHECK (actor_kind IN ('human', 'service', 'system')),
    actor text NOT NULL GENERATED ALWAYS AS (body::jsonb ->> 'actor') STORED,
    action text NOT NULL GENERATED ALWAYS AS (body::jsonb ->> 'action') STORED,
    object text NOT NULL GENERATED ALWAYS AS (body::jsonb ->> 'object') STORED,
    outcome text NOT NULL GENERATED ALWAYS AS (body::jsonb ->> 'outcome') STORED
        CHECK (outcome IN ('done', 'denied')),
    request_id text GENERATED ALWAYS AS (body::jsonb ->> 'request_id') STORED,
    PRIMARY KEY (tenant, seq)
);
CREATE INDEX audit_log_by_time ON audit_log (at);

-- What changed, from what to what, which may tell of persons. The chain holds only its salted hash, so that it can be
-- erased and the chain stays whole.
CREATE TABLE audit_details (
    tenant text NOT NULL,
    seq bigint NOT NULL,
    salt bytea NOT NULL CHECK (length(salt) >= 16),
    details text NOT NULL CHECK (length(details) <= 1048576),
    PRIMARY KEY (tenant, seq),
    FOREIGN KEY (tenant, seq) REFERENCES audit_log (tenant, seq)
);

CREATE FUNCTION audit_refuses() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses();
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON audit_details
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses();

-- A row that does not continue its chain is not taken, whoever writes it.
CREATE FUNCTION audit_continues() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    before bytea := decode(repeat('00', 32), 'hex');
BEGIN
    IF NEW.seq <> 1 THEN
        SELECT hash INTO before FROM audit_log WHERE tenant = NEW.tenant AND seq = NEW.seq - 1;
    END IF;
    IF before IS DISTINCT FROM NEW.prev_hash
       OR NEW.hash <> sha256(NEW.prev_hash || convert_to(NEW.body, 'UTF8')) THEN
        RAISE EXCEPTION 'the audit row does not continue its chain' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER continues AFTER INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_continues();

SELECT protect('audit_log', 'tenant', 'SELECT, INSERT');
SELECT protect('audit_details', 'tenant', 'SELECT, INSERT');

-- The one way by which details go: all those of a tenant, when it is deleted. The chain's rows stay.
CREATE FUNCTION erase_audit_details(erased text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    IF erased = '*' OR NOT EXISTS (SELECT FROM tenants WHERE id = erased AND state = 'deleted') THEN
        RAISE EXCEPTION 'only a deleted tenant''s details are erased';
    END IF;
    DELETE FROM audit_details WHERE tenant = erased;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;
REVOKE ALL ON FUNCTION erase_audit_details FROM PUBLIC;
DO $$ BEGIN
    EXECUTE format('GRANT EXECUTE ON FUNCTION erase_audit_details TO %I', current_setting('kaze.application'));
END $$;
