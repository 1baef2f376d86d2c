-- A tenant sees what was posted to its own accounts: without it all that was spent would look reserved to it.
CREATE POLICY own_account ON budget_posted FOR SELECT USING (
    current_setting('app.tenant') <> '*' AND EXISTS (
        SELECT FROM budget_accounts a
        WHERE (a.account, a.period) = (budget_posted.account, budget_posted.period)
          AND a.tenant = current_setting('app.tenant')));
