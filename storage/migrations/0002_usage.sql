-- What requests cost: the log, a row for each upstream attempt, and the budgets' accounts.

-- `month` is the first day of the month of the reservation, also when a row is replayed later: with the request and
-- the attempt it is what makes a row the same row. `accounts` and `periods` say, place by place, which budgets the
-- cost was posted to. A correction is an attempt of its own (source 'correction'), with what is to be added.
CREATE TABLE usage_log (
    month date NOT NULL,
    day date NOT NULL,
    request_id text NOT NULL,
    attempt integer NOT NULL,
    worker integer NOT NULL,
    seq bigint NOT NULL,
    tenant text NOT NULL,
    key text NOT NULL,
    agent text NOT NULL DEFAULT '',
    task text NOT NULL DEFAULT '',
    model text NOT NULL,
    route text NOT NULL DEFAULT '',
    provider text NOT NULL,
    pool text NOT NULL,
    input_tokens bigint NOT NULL DEFAULT 0,
    cache_read_tokens bigint NOT NULL DEFAULT 0,
    cache_write_5m_tokens bigint NOT NULL DEFAULT 0,
    cache_write_1h_tokens bigint NOT NULL DEFAULT 0,
    output_tokens bigint NOT NULL DEFAULT 0,
    reasoning_tokens bigint NOT NULL DEFAULT 0,
    audio_input_tokens bigint NOT NULL DEFAULT 0,
    audio_output_tokens bigint NOT NULL DEFAULT 0,
    images bigint NOT NULL DEFAULT 0,
    cost_nusd bigint NOT NULL,
    price_version text NOT NULL,
    source text NOT NULL,
    started_at timestamptz NOT NULL,
    queue_ms integer,
    upstream_ms integer,
    gateway_ms integer,
    accounts text[] NOT NULL DEFAULT '{}',
    periods text[] NOT NULL DEFAULT '{}',
    UNIQUE (month, request_id, attempt),
    CHECK (month = date_trunc('month', day)::date),
    CHECK (cost_nusd >= 0 OR source = 'correction'),
    CHECK (cardinality(accounts) = cardinality(periods))
) PARTITION BY RANGE (month);
CREATE INDEX usage_log_of_tenant ON usage_log (tenant, day);

-- Rows of months that have no partition (any more): a spool replayed very late still finds its place.
CREATE TABLE usage_log_default PARTITION OF usage_log DEFAULT;

-- One row a budget and period. `committed_nusd` is what is posted and what is leased, together: a slice adds to it
-- while it stays within the limit, its unspent rest is taken off again. A flush, which turns leased into posted,
-- does not touch the row. Hence posted <= committed <= limit, in one statement:
--   UPDATE budget_accounts SET committed_nusd = committed_nusd + s WHERE … AND committed_nusd + s <= limit_nusd
CREATE TABLE budget_accounts (
    account text NOT NULL,
    period text NOT NULL,
    tenant text NOT NULL,
    limit_nusd bigint NOT NULL CHECK (limit_nusd >= 0),
    enforce text NOT NULL CHECK (enforce IN ('hard', 'soft')),
    committed_nusd bigint NOT NULL DEFAULT 0 CHECK (committed_nusd >= 0),
    PRIMARY KEY (account, period)
) WITH (fillfactor = 50);
CREATE INDEX budget_accounts_of_tenant ON budget_accounts (tenant);

-- A counter slot a worker, so that no two workers wait for each other's row; the sum over slots is what was spent.
CREATE TABLE budget_posted (
    account text NOT NULL,
    period text NOT NULL,
    slot integer NOT NULL,
    posted_nusd bigint NOT NULL,
    PRIMARY KEY (account, period, slot)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- What one life (epoch) of a worker may reserve from. What is neither spent nor returned stays blocked until the
-- worker's spool has been replayed.
CREATE TABLE budget_slices (
    account text NOT NULL,
    period text NOT NULL,
    slot integer NOT NULL,
    epoch bigint NOT NULL,
    granted_nusd bigint NOT NULL DEFAULT 0 CHECK (granted_nusd >= 0),
    spent_nusd bigint NOT NULL DEFAULT 0 CHECK (spent_nusd >= 0),
    returned_nusd bigint NOT NULL DEFAULT 0 CHECK (returned_nusd >= 0),
    recalled boolean NOT NULL DEFAULT false,
    PRIMARY KEY (account, period, slot, epoch)
) WITH (fillfactor = 50);
CREATE INDEX budget_slices_of_worker ON budget_slices (slot, epoch);

-- Who holds which slot, by name (host and data directory): a worker that comes back gets its slot, in a new epoch.
CREATE TABLE workers (
    slot integer PRIMARY KEY CHECK (slot >= 0),
    name text NOT NULL UNIQUE,
    epoch bigint NOT NULL DEFAULT 1,
    seen_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- How far the spool of one life of a worker has been written here.
CREATE TABLE spool_cursors (
    slot integer NOT NULL,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (slot, epoch)
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
       count(*) FILTER (WHERE source <> 'correction') AS requests,
       sum(input_tokens)::bigint AS input_tokens,
       sum(output_tokens)::bigint AS output_tokens,
       sum(cost_nusd)::bigint AS cost_nusd
FROM usage_log
GROUP BY month, day, tenant, key, agent, task, route, model, provider, pool;

CREATE VIEW budget_balances WITH (security_invoker = true) AS
SELECT a.account, a.period, a.tenant, a.enforce, a.limit_nusd, a.committed_nusd,
       coalesce(p.posted_nusd, 0)::bigint AS posted_nusd,
       (a.committed_nusd - coalesce(p.posted_nusd, 0))::bigint AS reserved_nusd,
       greatest(a.limit_nusd - a.committed_nusd, 0) AS remaining_nusd
FROM budget_accounts a
LEFT JOIN (SELECT account, period, sum(posted_nusd) AS posted_nusd FROM budget_posted GROUP BY account, period) p
    USING (account, period);

DO $$ BEGIN
    EXECUTE format('GRANT SELECT ON usage_by_day, budget_balances TO %I', current_setting('kaze.application'));
END $$;
