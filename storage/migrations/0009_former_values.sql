-- Every value that a tenant key had, and how long it is good: a key may be rotated again while values before are.
-- A row outlives its end, as nobody else's key may have that value.
CREATE TABLE former_key_values (
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    tenant identifier NOT NULL,
    key identifier NOT NULL,
    until timestamptz NOT NULL,
    FOREIGN KEY (tenant, key) REFERENCES tenant_keys (tenant, id) ON DELETE CASCADE
);
CREATE INDEX former_key_values_of_key ON former_key_values (tenant, key);
INSERT INTO former_key_values
SELECT old_digest, tenant, id, old_until FROM tenant_keys WHERE old_digest IS NOT NULL;
ALTER TABLE tenant_keys DROP COLUMN old_digest, DROP COLUMN old_until;

SELECT protect('former_key_values', 'tenant', 'SELECT, INSERT, UPDATE, DELETE');
CREATE TRIGGER next_generation AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON former_key_values
    FOR EACH STATEMENT EXECUTE FUNCTION next_generation();
