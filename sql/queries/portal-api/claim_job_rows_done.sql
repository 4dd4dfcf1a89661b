-- Results of rows; their claim codes are wiped.
-- caller: portal-api job worker, in the transaction of the claims
-- role: firstring_portal
-- $1 job_id uuid
-- $2 lines bigint[]
-- $3 statuses text[]: ok, error
-- $4 codes text[]
-- $5 details text[]: elements may be null
-- -> done bigint: of the job so far
-- -> failed bigint
-- rows: 1
-- plan: index lookups
select done, failed
from firstring.claim_job_rows_done($1::uuid, $2::bigint[], $3::text[], $4::text[], $5::text[]);
