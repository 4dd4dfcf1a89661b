-- Rows neither done nor prepared, in order of lines; renews the lease.
-- caller: portal-api job worker
-- role: firstring_portal
-- $1 job_id uuid
-- $2 worker text
-- $3 lease_s integer
-- $4 limit bigint
-- -> line bigint
-- -> mac text
-- -> claim_code text
-- -> profile text
-- rows: none when all are done or prepared, or when the lease is another worker's
-- plan: partial index of these rows
select line, mac, claim_code, profile
from firstring.claim_job_rows_next($1::uuid, $2::text, $3::integer, $4::bigint);
