-- The accounts of an exchange are made where they are missing, take on the limits in force, and are locked, in
-- order, until its end. What is new or changed is told. For each: account, period, tenant, limit, enforce.
INSERT INTO budget_accounts AS a (account, period, tenant, limit_nusd, enforce)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[])
    AS w (account, period, tenant, limit_nusd, enforce)
ORDER BY account, period
ON CONFLICT (account, period) DO UPDATE SET limit_nusd = excluded.limit_nusd, enforce = excluded.enforce
    WHERE (a.limit_nusd, a.enforce) IS DISTINCT FROM (excluded.limit_nusd, excluded.enforce)
RETURNING account, period
