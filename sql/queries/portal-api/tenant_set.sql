-- Names the tenant for the rest of this transaction: first call of every tenant submission.
-- Without it row-level security shows no row and the functions refuse (SQLSTATE 42501).
-- caller: portal-api worker, tenant pool
-- role: firstring_portal
-- $1 itsp_id text: the uuid as text
-- -> set_config text
-- rows: 1
-- plan: no table
select set_config('firstring.itsp', $1::text, true);
