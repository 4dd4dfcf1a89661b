-- claim_job_give_back
-- What a job worker that leaves still holds is for the next one to take, at once.
-- caller: portal-api job worker, without tenant_set
-- role: firstring_portal
-- $1 worker text
-- -> given bigint: jobs, 0 or 1
-- rows: 1
-- plan: index scan of running jobs
select firstring.claim_job_give_back($1::text) as given;
