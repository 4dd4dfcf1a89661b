-- Makes the proposed second factor the one in force; every session ends, this one goes on under a
-- new id.
-- caller: portal-api worker, POST /v1/session/second-factor/confirm
-- role: firstring_portal firstring_admin
-- $1 session_hash bytea: of the session that asks
-- $2 new_session_hash bytea
-- $3 sealed bytea: the proposed one that was checked
-- $4 code_step bigint
-- $5 recovery_code_hashes bytea[]: SHA-256 each
-- $6 actor_kind text
-- $7 actor_id text
-- $8 source_ip inet
-- $9 request_id text
-- -> outcome text: confirmed, nothing_proposed, not_signed_in
-- rows: 1
-- plan: index lookups
select firstring.own_second_factor_confirm($1::bytea, $2::bytea, $3::bytea, $4::bigint,
  $5::bytea[], $6::text, $7::text, $8::inet, $9::text) as outcome;
