-- caller: portal-api worker, POST /v1/claim-jobs
-- role: firstring_portal
-- $1 job_id uuid
-- $2 lines bigint[]: numbers of the input lines
-- $3 macs text[]: as given
-- $4 claim_codes text[]: as given; elements may be null
-- $5 profiles text[]: id or name, as given
-- -> outcome text: added, not_found, not_receiving
-- -> total bigint: rows of the job so far
-- rows: 1
-- plan: inserts
select outcome, total
from firstring.claim_job_rows_add($1::uuid, $2::bigint[], $3::text[], $4::text[], $5::text[]);
