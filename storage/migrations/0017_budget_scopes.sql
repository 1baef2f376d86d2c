-- Whose spending every budget ever counted: its accounts outlive it, and are nobody else's afterwards. Of budgets that
-- were deleted before this it is not known.
CREATE TABLE budget_scopes (
    budget identifier PRIMARY KEY,
    tenant text NOT NULL,
    key identifier
);
INSERT INTO budget_scopes SELECT id, tenant, key FROM budgets;
SELECT protect('budget_scopes', 'tenant', 'SELECT, INSERT, UPDATE');

CREATE FUNCTION remember_scope() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO budget_scopes VALUES (NEW.id, NEW.tenant, NEW.key)
    ON CONFLICT (budget) DO UPDATE SET tenant = excluded.tenant, key = excluded.key;
    RETURN NULL;
END $$;
CREATE TRIGGER remember_scope AFTER INSERT OR UPDATE OF id, tenant, key ON budgets
    FOR EACH ROW EXECUTE FUNCTION remember_scope();
