-- Accounts whose parts do not add up, of periods that began on or after $1 (null: all): what is posted and what the
-- log says; of hard budgets also what is committed, and what is posted and held. Nobody holds less than nothing for
-- long: what was spent and not leased is leased at the worker's next exchange with the books; of one that was not heard
-- of for $2 seconds it is a difference.
WITH logged AS (
    SELECT one ->> 0 AS account, one ->> 1 AS period, sum(cost_nusd) AS nusd
    FROM usage_log, jsonb_array_elements(accounts) AS one
    WHERE $1::date IS NULL OR month >= date_trunc('month', $1::date)::date
    GROUP BY 1, 2),
posted AS (SELECT account, period, sum(posted_nusd) AS nusd FROM budget_posted GROUP BY 1, 2),
held AS (
    SELECT account, period, sum(
        CASE WHEN w.seen_at > now() - make_interval(secs => $2) THEN granted_nusd - returned_nusd - spent_nusd
             ELSE greatest(granted_nusd - returned_nusd - spent_nusd, 0) END) AS nusd
    FROM budget_slices s LEFT JOIN workers w ON w.name = s.worker
    GROUP BY 1, 2),
named AS (
    SELECT account, period FROM logged
    UNION SELECT account, period FROM posted
    UNION SELECT account, period FROM budget_accounts),
compared AS (
    SELECT account, period, coalesce(l.nusd, 0)::bigint AS logged, coalesce(p.nusd, 0)::bigint AS posted,
           coalesce(a.committed_nusd, 0) AS committed,
           CASE a.enforce WHEN 'hard' THEN (coalesce(p.nusd, 0) + coalesce(h.nusd, 0))::bigint
                          ELSE coalesce(a.committed_nusd, 0) END AS due
    FROM named
    LEFT JOIN logged l USING (account, period)
    LEFT JOIN posted p USING (account, period)
    LEFT JOIN held h USING (account, period)
    LEFT JOIN budget_accounts a USING (account, period))
SELECT account, period, logged, posted, committed, due
FROM compared
WHERE (logged, committed) <> (posted, due)
    AND ($1::date IS NULL OR split_part(period, ':', 2) >= $1::date::text)
ORDER BY account, period
