-- A token for an ITSP, or for the manufacturer (itsp_id null, scopes admin:*).
-- caller: portal-api worker, POST /v1/admin/itsps/{id}/tokens; portal-api bootstrap-admin
-- role: firstring_admin
-- $1 token_id uuid
-- $2 itsp_id uuid: null is the manufacturer
-- $3 name text
-- $4 token_hash bytea
-- $5 scopes text[]
-- $6 expires_at timestamptz: null is never
-- $7 actor_kind text
-- $8 actor_id text
-- $9 source_ip inet
-- $10 request_id text
-- -> outcome text: created, unknown_itsp, name_taken, bad_scope
-- -> created_at timestamptz
-- rows: 1
-- plan: insert
select outcome, created_at
from firstring.admin_token_create($1::uuid, $2::uuid, $3::text, $4::bytea, $5::text[],
  $6::timestamptz, $7::text, $8::text, $9::inet, $10::text);
