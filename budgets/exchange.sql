-- One exchange, after the accounts were locked in order (budgets/open_accounts.sql). $1 and $2: the worker and its
-- epoch; then, for each want: account, period, granted, at_least, returned. Everything here is a total that only
-- grows, so that what is said twice, late or not at all does no harm; tests/budgets/books.py says it shorter. What was
-- spent counts as granted, room or not: more than was leased (the budget was soft, an answer cost more than was held)
-- is nobody else's room.
WITH wanted AS (
    SELECT *
    FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[])
        AS w (account, period, granted, at_least, returned)),
found AS (
    SELECT w.*, a.limit_nusd, a.enforce = 'hard' AS hard, a.committed_nusd, a.recalled,
           s.account IS NULL AS new, coalesce(s.spent_nusd, 0) AS spent,
           coalesce(s.granted_nusd, 0) AS granted_before, coalesce(s.returned_nusd, 0) AS returned_before,
           greatest(coalesce(s.returned_nusd, 0), w.returned) AS returned_now
    FROM wanted w
    JOIN budget_accounts a USING (account, period)
    LEFT JOIN budget_slices s
        ON (s.account, s.period, s.worker, s.epoch) = (w.account, w.period, $1::text, $2::bigint)),
raised AS (
    SELECT *, least(granted, granted_before + greatest(0,
                  limit_nusd - committed_nusd + returned_now - returned_before)) AS reached
    FROM found),
decided AS (
    SELECT *, CASE WHEN hard THEN greatest(
                       granted_before, CASE WHEN reached >= at_least THEN reached END, returned_now + spent)
                   ELSE granted_before END AS granted_now,
           CASE WHEN hard AND granted > granted_before THEN reached < at_least ELSE recalled END AS recalled_now
    FROM raised),
committed AS (
    SELECT *, committed_nusd + granted_now - granted_before - returned_now + returned_before AS committed_now
    FROM decided),
kept AS (
    UPDATE budget_accounts AS a SET committed_nusd = c.committed_now, recalled = c.recalled_now
    FROM committed c
    WHERE (a.account, a.period) = (c.account, c.period)
        AND (a.committed_nusd, a.recalled) IS DISTINCT FROM (c.committed_now, c.recalled_now)),
leased AS (
    INSERT INTO budget_slices AS s (account, period, worker, epoch, granted_nusd, returned_nusd)
    SELECT account, period, $1, $2, granted_now, returned_now
    FROM committed
    WHERE new OR granted_now > granted_before OR returned_now > returned_before
    ORDER BY account, period
    ON CONFLICT (account, period, worker, epoch) DO UPDATE
        SET granted_nusd = excluded.granted_nusd, returned_nusd = excluded.returned_nusd)
SELECT c.account, c.period, c.granted_now, c.returned_now, c.spent, c.limit_nusd, c.committed_now,
       c.recalled_now, coalesce(p.posted, 0)::bigint AS posted,
       (SELECT count(*) FROM workers WHERE seen_at > now() - make_interval(secs => $8)) AS workers
FROM committed c
LEFT JOIN LATERAL (
    SELECT sum(posted_nusd) AS posted FROM budget_posted p
    WHERE (p.account, p.period) = (c.account, c.period)) AS p ON true
