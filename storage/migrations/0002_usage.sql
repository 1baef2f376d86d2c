-- What requests cost: the log, a row for each upstream attempt, and the budgets' accounts.

-- `month` is the first day of the month of the reservation, also when a row is replayed later: with the request, the
-- attempt and the number it is what makes a row the same row. `number` is 0 but for later corrections of an attempt,
-- whose cost is what is to be added. `accounts` says which budgets the cost was posted to: [[account, period], …].
-- Every kind of tokens below `input_tokens` and `output_tokens` is part of one of them. `holder` is the life of the
-- worker (name/epoch) out of whose slices it was paid.
CREATE TABLE usage_log (
    month date NOT NULL,
    day date NOT NULL,
    request_id text NOT NULL,
    attempt integer NOT NULL,
    number integer NOT NULL DEFAULT 0,
    holder text NOT NULL,
    tenant text NOT NULL,
    key text NOT NULL,
    agent text NOT NULL DEFAULT '',
    task text NOT NULL DEFAULT '',
    route text NOT NULL DEFAULT '',
    model text NOT NULL,
    provider text NOT NULL,
    pool text NOT NULL,
    priority text NOT NULL DEFAULT '',
    input_tokens bigint NOT NULL DEFAULT 0,
    output_tokens bigint NOT NULL DEFAULT 0,
    cache_read_tokens bigint NOT NULL DEFAULT 0,
    cache_write_5m_tokens bigint NOT NULL DEFAULT 0,
    cache_write_1h_tokens bigint NOT NULL DEFAULT 0,
    audio_input_tokens bigint NOT NULL DEFAULT 0,
    image_input_tokens bigint NOT NULL DEFAULT 0,
    reasoning_tokens bigint NOT NULL DEFAULT 0,
    audio_output_tokens bigint NOT NULL DEFAULT 0,
    image_output_tokens bigint NOT NULL DEFAULT 0,
    searches bigint NOT NULL DEFAULT 0,
    reserved_nusd bigint NOT NULL DEFAULT 0,
    cost_nusd bigint NOT NULL,
    price_version text NOT NULL,
    price_known boolean NOT NULL DEFAULT true,
    source text NOT NULL,
    tier text NOT NULL DEFAULT '',
    status integer NOT NULL DEFAULT 0,
    outcome text NOT NULL DEFAULT '',
    started_at timestamptz NOT NULL,
    settled_at timestamptz,
    queue_ms bigint,
    upstream_ms bigint,
    first_token_ms bigint,
    accounts jsonb NOT NULL DEFAULT '[]',
    UNIQUE (month, request_id, attempt, number),
    CHECK (month = date_trunc('month', day)::date),
    CHECK (cost_nusd >= 0 OR number > 0)
) PARTITION BY RANGE (month);
CREATE INDEX usage_log_of_tenant ON usage_log (tenant, day);

-- Rows of months that have no partition (any more): a spool replayed very late still finds its place.
CREATE TABLE usage_log_default PARTITION OF usage_log DEFAULT;

-- One row a budget and period. `committed_nusd` is what is posted and what is leased, together: a slice adds to it
-- while it stays within the limit, its unspent rest is taken off again. A flush, which turns leased into posted,
-- does not touch the row (but for corrections, which change what is posted and lease nothing). Hence for hard
-- budgets posted <= committed <= limit; of soft ones nothing is leased, and committed says nothing.
-- `recalled`: somebody could not be served, and who holds what they do not need gives it back.
CREATE TABLE budget_accounts (
    account text NOT NULL,
    period text NOT NULL,
    tenant text NOT NULL,
    limit_nusd bigint NOT NULL CHECK (limit_nusd >= 0),
    enforce text NOT NULL CHECK (enforce IN ('hard', 'soft')),
    committed_nusd bigint NOT NULL DEFAULT 0,
    recalled boolean NOT NULL DEFAULT false,
    PRIMARY KEY (account, period)
) WITH (fillfactor = 50);
CREATE INDEX budget_accounts_of_tenant ON budget_accounts (tenant);

-- A counter of its own for each worker, so that none waits for another's; their sum is what was spent.
CREATE TABLE budget_posted (
    account text NOT NULL,
    period text NOT NULL,
    worker text NOT NULL,
    posted_nusd bigint NOT NULL,
    PRIMARY KEY (account, period, worker)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- What one life (epoch) of a worker may reserve from, in totals since it began, which only grow. What is neither
-- spent nor returned stays blocked until the worker's spool has been replayed; then the row goes.
CREATE TABLE budget_slices (
    account text NOT NULL,
    period text NOT NULL,
    worker text NOT NULL,
    epoch bigint NOT NULL,
    granted_nusd bigint NOT NULL DEFAULT 0,
    returned_nusd bigint NOT NULL DEFAULT 0,
    spent_nusd bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (account, period, worker, epoch)
) WITH (fillfactor = 50);
CREATE INDEX budget_slices_of_worker ON budget_slices (worker, epoch);

-- A worker is named by its spool's directory for good; each start of it is an epoch. Epochs up to `closed_epoch`
-- lease nothing any more.
CREATE TABLE workers (
    name text PRIMARY KEY,
    epoch bigint NOT NULL,
    closed_epoch bigint NOT NULL DEFAULT 0,
    seen_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- How far the spool of one life of a worker has been written here.
CREATE TABLE spool_cursors (
    worker text NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (worker, epoch)
) WITH (fillfactor = 50);

SELECT protect('usage_log', 'tenant', 'SELECT, INSERT');
SELECT protect('usage_log_default', 'tenant', '');
SELECT protect('budget_accounts', 'tenant', 'SELECT, INSERT, UPDATE, DELETE');
SELECT protect_shared('budget_posted', 'SELECT, INSERT, UPDATE');
SELECT protect_shared('budget_slices', 'SELECT, INSERT, UPDATE, DELETE');
SELECT protect_shared('workers', 'SELECT, INSERT, UPDATE, DELETE');
SELECT protect_shared('spool_cursors', 'SELECT, INSERT, UPDATE, DELETE');

-- Views have the rights, and the row-level security, of whoever asks.
CREATE VIEW usage_by_day WITH (security_invoker = true) AS
SELECT month, day, tenant, key, agent, task, route, model, provider, pool,
       count(*) FILTER (WHERE number = 0) AS requests,
       sum(input_tokens)::bigint AS input_tokens,
       sum(output_tokens)::bigint AS output_tokens,
       sum(cost_nusd)::bigint AS cost_nusd
FROM usage_log
GROUP BY month, day, tenant, key, agent, task, route, model, provider, pool;

CREATE VIEW budget_balances WITH (security_invoker = true) AS
SELECT a.account, a.period, a.tenant, a.enforce, a.limit_nusd,
       CASE a.enforce WHEN 'hard' THEN a.committed_nusd ELSE coalesce(p.posted_nusd, 0)::bigint END AS committed_nusd,
       coalesce(p.posted_nusd, 0)::bigint AS posted_nusd,
       CASE a.enforce WHEN 'hard' THEN (a.committed_nusd - coalesce(p.posted_nusd, 0))::bigint ELSE 0 END
           AS reserved_nusd,
       greatest(a.limit_nusd - CASE a.enforce WHEN 'hard' THEN a.committed_nusd
                               ELSE coalesce(p.posted_nusd, 0)::bigint END, 0) AS remaining_nusd
FROM budget_accounts a
LEFT JOIN (SELECT account, period, sum(posted_nusd) AS posted_nusd FROM budget_posted GROUP BY account, period) p
    USING (account, period);

DO $$ BEGIN
    EXECUTE format('GRANT SELECT ON usage_by_day, budget_balances TO %I', current_setting('kaze.application'));
END $$;
