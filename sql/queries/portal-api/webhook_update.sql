-- Changes what is not null; a change also gives a failing webhook another day.
-- caller: portal-api worker, PATCH /v1/webhooks/{id}
-- role: firstring_portal
-- $1 webhook_id uuid
-- $2 expected_version integer: null: any
-- $3 url text
-- $4 kinds text[]
-- $5 state text: live, paused
-- $6 actor_kind text
-- $7 actor_id text
-- $8 source_ip inet
-- $9 request_id text
-- -> outcome text: updated, same, not_found, version_mismatch
-- rows: 1
-- plan: lookup by primary key
select outcome from firstring.webhook_update($1::uuid, $2::integer, $3::text, $4::text[], $5::text, $6::text, $7::text,
  $8::inet, $9::text);
