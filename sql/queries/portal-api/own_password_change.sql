-- A new password; every session ends, this one goes on under a new id.
-- caller: portal-api worker, POST /v1/session/password
-- role: firstring_portal firstring_admin
-- $1 session_hash bytea: of the session that asks
-- $2 new_session_hash bytea
-- $3 old_password_hash text: the one that was checked
-- $4 password_hash text: argon2id
-- $5 actor_kind text
-- $6 actor_id text
-- $7 source_ip inet
-- $8 request_id text
-- -> outcome text: changed, not_signed_in
-- rows: 1
-- plan: index lookups
select firstring.own_password_change($1::bytea, $2::bytea, $3::text, $4::text, $5::text, $6::text,
  $7::inet, $8::text) as outcome;
