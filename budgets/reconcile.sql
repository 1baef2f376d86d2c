-- Accounts whose parts do not add up, of periods that began on or after $1 (null: all): what is posted and what the
-- log says, what is committed and what is posted and held.
WITH logged AS (
    SELECT one ->> 0 AS account, one ->> 1 AS period, sum(cost_nusd) AS nusd
    FROM usage_log, jsonb_array_elements(accounts) AS one
    WHERE $1::date IS NULL OR month >= date_trunc('month', $1::date)::date
    GROUP BY 1, 2),
posted AS (SELECT account, period, sum(posted_nusd) AS nusd FROM budget_posted GROUP BY 1, 2),
held AS (
    SELECT account, period, sum(granted_nusd - returned_nusd - spent_nusd) AS nusd FROM budget_slices GROUP BY 1, 2),
compared AS (
    SELECT account, period, coalesce(l.nusd, 0)::bigint AS logged, coalesce(p.nusd, 0)::bigint AS posted,
           a.committed_nusd AS committed, (coalesce(p.nusd, 0) + coalesce(h.nusd, 0))::bigint AS due,
           coalesce(a.enforce = 'hard', false) AS hard
    FROM posted p
    FULL JOIN logged l USING (account, period)
    LEFT JOIN budget_accounts a USING (account, period)
    LEFT JOIN held h USING (account, period))
SELECT account, period, logged, posted, coalesce(committed, 0) AS committed, CASE WHEN hard THEN due ELSE coalesce(committed, 0) END AS due
FROM compared
WHERE (logged <> posted OR (hard AND committed <> due))
    AND ($1::date IS NULL OR split_part(period, ':', 2) >= $1::date::text)
ORDER BY account, period
