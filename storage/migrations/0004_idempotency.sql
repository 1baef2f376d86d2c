-- Answers kept for their idempotency keys, for a day: of callers (their tenant key) and of the admin API ('*' and its
-- key). `holder` is the worker that is working on it; when `expires_at` has passed the row counts for nothing.
CREATE TABLE idempotent_answers (
    tenant text NOT NULL,
    principal text NOT NULL,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    request_digest bytea NOT NULL CHECK (length(request_digest) = 32),
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done')),
    holder text NOT NULL,
    status integer,
    headers jsonb NOT NULL DEFAULT '[]',
    body bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, principal, key),
    CHECK ((state = 'done') = (status IS NOT NULL))
);
CREATE INDEX idempotent_answers_by_end ON idempotent_answers (expires_at);

SELECT protect('idempotent_answers', 'tenant', 'SELECT, INSERT, UPDATE, DELETE');
