-- Notes a sign-in that failed, or that waits for its second factor (which is no failure).
-- caller: portal-api worker, POST /v1/session
-- role: firstring_portal
-- $1 user_id uuid: null: no such account
-- $2 account_hash bytea
-- $3 reason text: second_factor_needed, wrong_password, wrong_code (of the
--    authenticator), wrong_recovery_code, refused
-- $4 actor_kind text
-- $5 actor_id text
-- $6 source_ip inet
-- $7 request_id text
-- -> outcome text: noted
-- rows: 1
-- plan: index lookups
select firstring.sign_in_refuse($1::uuid, $2::bytea, $3::text, $4::text, $5::text, $6::inet,
  $7::text) as outcome;
