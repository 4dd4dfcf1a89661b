-- A webhook goes, with its history.
-- caller: portal-api worker, DELETE /v1/webhooks/{id}
-- role: firstring_portal
-- $1 webhook_id uuid
-- $2 actor_kind text
-- $3 actor_id text
-- $4 source_ip inet
-- $5 request_id text
-- $6 expected_version integer: null: any
-- -> outcome text: deleted, not_found, version_mismatch
-- rows: 1
-- plan: lookup by primary key
select outcome
from firstring.webhook_delete($1::uuid, $2::text, $3::text, $4::inet, $5::text, $6::integer);
