-- Keeps a new second factor until its first code was typed.
-- caller: portal-api worker, POST /v1/session/second-factor
-- role: firstring_portal firstring_admin
-- $1 session_hash bytea: of the session that asks
-- $2 password_hash text: the one that was checked
-- $3 sealed bytea
-- $4 actor_kind text
-- $5 actor_id text
-- $6 source_ip inet
-- $7 request_id text
-- -> outcome text: proposed, not_signed_in
-- rows: 1
-- plan: index lookups
select firstring.own_second_factor_propose($1::bytea, $2::text, $3::bytea, $4::text, $5::text,
  $6::inet, $7::text) as outcome;
