-- Rows of an atomic job that were checked and wait for all others, with what their claims are made of.
-- caller: portal-api job worker, with claim_job_rows_done of the same set
-- role: firstring_portal
-- $1 job_id uuid
-- $2 lines bigint[]
-- $3 claim_ids uuid[]
-- $4 phones macaddr[]
-- $5 proof_codes text[]: null elements: under a ship notice
-- $6 profile_ids uuid[]
-- $7 sealed_passwords bytea[]
-- -> prepared bigint: of the job so far
-- rows: 1
-- plan: index lookups
select prepared
from firstring.claim_job_rows_prepare($1::uuid, $2::bigint[], $3::uuid[], $4::macaddr[], $5::text[],
  $6::uuid[], $7::bytea[]);
