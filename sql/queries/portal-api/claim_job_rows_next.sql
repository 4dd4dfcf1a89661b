-- Rows neither done nor prepared, in order of lines, behind one; renews the lease.
-- caller: portal-api job worker
-- role: firstring_portal
-- $1 job_id uuid
-- $2 worker text
-- $3 lease_s integer
-- $4 limit bigint
-- $5 after_line bigint: 0 is from the beginning
-- -> line bigint
-- -> mac text
-- -> claim_code text
-- -> profile text
-- rows: none when there is none behind that line, or when the lease is another worker's
-- plan: index scan of claim_job_row_pkey from the line on
select line, mac, claim_code, profile
from firstring.claim_job_rows_next($1::uuid, $2::text, $3::integer, $4::bigint, $5::bigint);
