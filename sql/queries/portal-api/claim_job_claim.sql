-- Claims every prepared row of an atomic job, or none: one transaction, in order of the MACs.
-- caller: portal-api job worker, after statement_patience, on a connection of its own
-- role: firstring_portal
-- $1 job_id uuid
-- $2 worker text
-- $3 lease_s integer: counted from the end
-- $4 failures_allowed integer
-- $5 key_id integer: the present one; what is sealed under another is prepared again
-- $6 rolled_back_detail text: of rows that are not claimed because of others
-- -> outcome text: claimed, rolled_back (rows had failed), again (rows wait to be checked once
--    more), lost (another worker's)
-- rows: 1
-- plan: sets from claim_job_row_prepared_idx; for each claims_take
select outcome
from firstring.claim_job_claim($1::uuid, $2::text, $3::integer, $4::integer, $5::integer, $6::text);
