-- caller: portal-api job worker
-- role: firstring_portal
-- $1 job_id uuid
-- $2 worker text
-- $3 state text: done, failed
-- $4 detail text: why it failed; null
-- -> outcome text: finished, not_found, lost (another worker's)
-- rows: 1
-- plan: index lookup
select outcome
from firstring.claim_job_finish($1::uuid, $2::text, $3::text, $4::text);
