-- The slices of a dead worker's epochs up to $2, once all that it spent is posted: what is left of them is nobody's.
-- Its accounts were locked in order before.
WITH gone AS (
    DELETE FROM budget_slices WHERE worker = $1 AND epoch <= $2
    RETURNING account, period, granted_nusd - returned_nusd - spent_nusd AS held),
cursors AS (DELETE FROM spool_cursors WHERE worker = $1 AND epoch <= $2)
UPDATE budget_accounts AS a SET committed_nusd = a.committed_nusd - g.held
FROM (SELECT account, period, sum(held)::bigint AS held FROM gone GROUP BY 1, 2) AS g
WHERE (a.account, a.period) = (g.account, g.period)
