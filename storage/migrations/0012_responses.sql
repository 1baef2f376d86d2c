-- Responses of callers whose model's provider keeps none, for 30 days: what their next request may go on from.
-- `input` and `output` are JSON arrays as text, of this request alone; `response` is the rest of the answer.
-- `previous` is the one that it went on from, which may be gone.
CREATE TABLE stored_responses (
    tenant text NOT NULL,
    id text NOT NULL CHECK (length(id) BETWEEN 1 AND 128),
    previous text,
    input bytea NOT NULL,
    output bytea NOT NULL,
    response bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX stored_responses_by_end ON stored_responses (expires_at);

SELECT protect('stored_responses', 'tenant', 'SELECT, INSERT, UPDATE, DELETE');
