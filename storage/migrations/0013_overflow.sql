-- Whether the attempt was made at its route's local model, in place of waiting for what was asked for.
ALTER TABLE usage_log ADD COLUMN overflow boolean NOT NULL DEFAULT false;
