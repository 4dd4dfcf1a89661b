-- The first question of a sign-in: what to check the password against. One row and the same steps
-- whether the account exists or not; the attempt is counted.
-- caller: portal-api worker, POST /v1/session, before there is a tenant
-- role: firstring_portal
-- $1 email text: lower case
-- $2 account_hash bytea: SHA-256 of it
-- $3 source_ip inet
-- -> wait_s integer: above 0: too many attempts from this source, nothing else is told
-- -> user_id uuid: null: none, or not live
-- -> itsp_id uuid: null: of the manufacturer
-- -> password_hash text: argon2id; null: none set
-- -> second_factor_sealed bytea: null: none set up
-- -> code_wait_s integer: above 0: too many wrong codes after a right password, and
--    this source has not signed in to the account within 30 days
-- rows: 1
-- plan: index lookups of sign_in_attempt_pkey and portal_user_email_key
select wait_s, user_id, itsp_id, password_hash, second_factor_sealed, code_wait_s
from firstring.sign_in_begin($1::text, $2::bytea, $3::inet);
