-- Whose budgets were that were deleted before 0017, as far as the audit trail says so: of a name that was one scope's
-- all along. Of others it stays unknown, and no key gets what was spent under them.
INSERT INTO budget_scopes
SELECT name, min(after ->> 'tenant'), min(after ->> 'key')
FROM (
    SELECT substr(object, length('budget/') + 1) AS name, details::jsonb -> 'after' AS after
    FROM audit_log LEFT JOIN audit_details USING (tenant, seq)
    WHERE action = 'budgets.create' AND outcome = 'done') AS made
WHERE name IN (SELECT account FROM budget_accounts)
GROUP BY name
HAVING count(after ->> 'tenant') = count(*) AND count(DISTINCT (after ->> 'tenant', after ->> 'key')) = 1
ON CONFLICT (budget) DO NOTHING;
