-- Lets go of sessions, one-time links and counted attempts past their time.
-- caller: portal-api job worker, every ten minutes
-- role: firstring_admin
-- $1 rows bigint: of each at most
-- -> swept bigint
-- rows: 1
-- plan: index scans of session_expires_idx, user_link_expires_idx, sign_in_attempt_last_idx
select firstring.people_sweep($1::bigint) as swept;
