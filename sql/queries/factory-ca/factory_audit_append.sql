-- An audit row of its own, for what changes no row: a refused sign-in, a command run.
-- caller: factory-ca front, operator commands
-- role: firstring_factory
-- $1 action text
-- $2 object_kind text
-- $3 object_id text
-- $4 detail text: JSON object without secrets; null is none
-- $5 actor_kind text
-- $6 actor_id text
-- $7 source_ip inet
-- $8 request_id text
-- -> id bigint
-- rows: 1
-- plan: insert
select firstring.audit_append($1::text, $2::text, $3::text, $4::text, $5::text, $6::text,
  $7::inet, $8::text) as id;
