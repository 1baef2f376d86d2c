-- What a row belongs to may be named by the configuration file alone: a pool here of a provider there, a key made by
-- the admin API for a tenant of the file, a budget of a key of the file. So these references are no foreign keys.
-- Whether what they name exists is found out where file and rows are read together; a row that names nothing is left
-- out there and reported.
ALTER TABLE pools DROP CONSTRAINT pools_provider_fkey;
ALTER TABLE tenant_keys DROP CONSTRAINT tenant_keys_tenant_fkey;
ALTER TABLE budgets DROP CONSTRAINT budgets_tenant_key_fkey;
