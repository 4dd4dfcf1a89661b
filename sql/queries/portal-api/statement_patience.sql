-- How long each further statement of this transaction may take.
-- caller: portal-api job worker, before claim_job_claim
-- role: firstring_portal
-- $1 milliseconds text
-- -> set_config text
-- rows: 1
-- plan: no table
select set_config('statement_timeout', $1::text, true);
