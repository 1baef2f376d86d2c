-- What is done elsewhere than in the database is written down when it begins, and again by how it ended.
ALTER TABLE audit_log DROP CONSTRAINT audit_log_outcome_check;
ALTER TABLE audit_log ADD CONSTRAINT audit_log_outcome_check
    CHECK (outcome IN ('done', 'denied', 'begun', 'failed'));
