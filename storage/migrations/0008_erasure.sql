-- What is erased with a tenant, and nothing else.

-- Details of the audit trail go with a deleted tenant alone, whoever it is that deletes them.
CREATE FUNCTION audit_details_stay() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM gone WHERE NOT EXISTS (
            SELECT FROM tenants WHERE tenants.id = gone.tenant AND tenants.state = 'deleted')
    ) THEN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER erased_with_its_tenant AFTER DELETE ON audit_details
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION audit_details_stay();

-- Whom an answer of the admin API tells of: the tenant with which it goes. Answers to callers stand under their tenant.
ALTER TABLE idempotent_answers ADD COLUMN about text NOT NULL DEFAULT '*';
