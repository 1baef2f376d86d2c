-- One flush. $1: settlements, $2: corrections, both as the spool has them (budgets/spool/record.py), $3 and $4 the
-- worker and epoch whose cursor moves to $5 (null: none). Sums come only from the rows that are inserted here, so
-- that the same records, however often they come, count once. Keys are locked in order, as `exchange` does. What was
-- running when its tenant was deleted is written without agent and task, which were erased from the rest.
WITH settled AS MATERIALIZED (SELECT one, one -> 0 AS begun FROM (SELECT unnest($1::text[])::jsonb AS one) AS said),
corrected AS MATERIALIZED (SELECT one, one -> 0 AS begun FROM (SELECT unnest($2::text[])::jsonb AS one) AS said),
read AS (
    SELECT begun, 0 AS number, (one ->> 1)::bigint AS cost, one ->> 2 AS source, one -> 3 AS used,
           one ->> 4 AS tier, (one ->> 5)::int AS status, one ->> 6 AS outcome,
           nullif((one ->> 7)::bigint, 0) AS settled_ms, (one ->> 8)::bigint AS queue_ms,
           (one ->> 9)::bigint AS upstream_ms, (one ->> 10)::bigint AS first_token_ms,
           (one ->> 11)::boolean AS price_known, (begun ->> 3)::bigint AS reserved
    FROM settled
    UNION ALL
    SELECT begun, (one ->> 1)::int, (one ->> 2)::bigint, 'corrected', '[0,0,0,0,0,0,0,0,0,0,0]'::jsonb,
           '', 0, one ->> 3, NULL, 0, 0, 0, true, 0
    FROM corrected),
dated AS (
    SELECT *, to_timestamp((begun ->> 2)::bigint / 1000.0) AS started_at,
           (to_timestamp((begun ->> 2)::bigint / 1000.0) AT TIME ZONE 'UTC')::date AS day
    FROM read),
deleted AS MATERIALIZED (SELECT id::text AS tenant FROM tenants WHERE state = 'deleted'),
inserted AS (
    INSERT INTO usage_log (
        month, day, request_id, attempt, number, holder, tenant, key, agent, task, route, model, provider, pool,
        priority, input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
        audio_input_tokens, image_input_tokens, reasoning_tokens, audio_output_tokens, image_output_tokens,
        searches, reserved_nusd, cost_nusd, price_version, price_known, source, tier, status, outcome,
        started_at, settled_at, queue_ms, upstream_ms, first_token_ms, accounts, overflow)
    SELECT date_trunc('month', day)::date, day, begun ->> 0, (begun ->> 1)::int, number, begun ->> 5,
           begun ->> 7, begun ->> 8,
           CASE WHEN deleted.tenant IS NULL THEN coalesce(begun ->> 14, '') ELSE '' END,
           CASE WHEN deleted.tenant IS NULL THEN coalesce(begun ->> 15, '') ELSE '' END, begun ->> 12,
           begun ->> 11, begun ->> 9, begun ->> 10, begun ->> 13,
           (used ->> 0)::bigint, (used ->> 1)::bigint, (used ->> 2)::bigint, (used ->> 3)::bigint,
           (used ->> 4)::bigint, (used ->> 5)::bigint, (used ->> 6)::bigint, (used ->> 7)::bigint,
           (used ->> 8)::bigint, (used ->> 9)::bigint, (used ->> 10)::bigint,
           reserved, cost, begun ->> 6, price_known, source, tier, status, outcome,
           started_at, to_timestamp(settled_ms / 1000.0), queue_ms, upstream_ms, first_token_ms, begun -> 4,
           coalesce((begun ->> 16)::boolean, false)  -- records of before do not say
    FROM dated LEFT JOIN deleted ON deleted.tenant = begun ->> 7
    ON CONFLICT (month, request_id, attempt, number) DO NOTHING
    RETURNING number > 0 AS correction, holder, accounts, cost_nusd),
charged AS MATERIALIZED (
    SELECT one ->> 0 AS account, one ->> 1 AS period, split_part(holder, '/', 1) AS worker,
           split_part(holder, '/', 2)::bigint AS epoch, correction, sum(cost_nusd)::bigint AS cost
    FROM inserted, jsonb_array_elements(accounts) AS one
    GROUP BY 1, 2, 3, 4, 5),
posted AS (
    INSERT INTO budget_posted AS p (account, period, worker, posted_nusd)
    SELECT account, period, worker, sum(cost) FROM charged GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (account, period, worker) DO UPDATE SET posted_nusd = p.posted_nusd + excluded.posted_nusd),
spent AS (
    INSERT INTO budget_slices AS s (account, period, worker, epoch, spent_nusd)
    SELECT account, period, worker, epoch, cost FROM charged WHERE NOT correction ORDER BY 1, 2, 3, 4
    ON CONFLICT (account, period, worker, epoch) DO UPDATE SET spent_nusd = s.spent_nusd + excluded.spent_nusd),
changed AS (
    UPDATE budget_accounts AS a SET committed_nusd = a.committed_nusd + c.cost
    FROM (SELECT account, period, sum(cost)::bigint AS cost FROM charged WHERE correction GROUP BY 1, 2) AS c
    WHERE (a.account, a.period) = (c.account, c.period)),
moved AS (
    INSERT INTO spool_cursors AS c (worker, epoch, sequence) SELECT $3, $4, $5 WHERE $5::bigint IS NOT NULL
    ON CONFLICT (worker, epoch) DO UPDATE SET sequence = greatest(c.sequence, excluded.sequence))
SELECT count(*) FROM inserted
