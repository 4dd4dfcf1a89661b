-- Claims the phones of a job's rows, each with an outcome of its own (see claim_put), and notes those that are granted as
-- done, in one transaction; renews the lease. Fails with 40001 when the job is another worker's.
-- caller: portal-api job worker
-- role: firstring_portal
-- $1 job_id uuid
-- $2 worker text
-- $3 lease_s integer
-- $4 lines bigint[]: up to 5,000
-- $5 claim_ids uuid[]
-- $6 macs macaddr[]
-- $7 claim_codes text[]: null elements: under a ship notice
-- $8 profile_ids uuid[]
-- $9 sealed_passwords bytea[]
-- $10 failures_allowed integer
-- -> line bigint
-- -> outcome text: as of claim_put, but created and same
-- rows: those that were not granted, in the order given; their results are still to be noted
-- plan: index lookups and inserts by row, of one generic plan
select line, outcome
from firstring.claim_job_rows_take($1::uuid, $2::text, $3::integer, $4::bigint[], $5::uuid[], $6::macaddr[], $7::text[],
  $8::uuid[], $9::bytea[], $10::integer);
