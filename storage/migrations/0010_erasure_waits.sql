-- Returns when every transaction that writes usage has ended. Called once a tenant's deletion is committed: what was
-- written by one that did not know of it is there to be erased, and all that is written later knows of it.
-- It is alone in its transaction: whoever writes usage waits meanwhile.
CREATE FUNCTION await_usage_writers() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    LOCK TABLE ONLY usage_log IN SHARE MODE;
END $$;
REVOKE ALL ON FUNCTION await_usage_writers FROM PUBLIC;
DO $$ BEGIN
    EXECUTE format('GRANT EXECUTE ON FUNCTION await_usage_writers TO %I', current_setting('kaze.application'));
END $$;
