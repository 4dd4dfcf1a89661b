-- caller: portal-api worker, POST /v1/admin/models
-- role: firstring_admin
-- $1 name text
-- $2 format text
-- $3 key_types text[]
-- $4 authentication text: certificate, password
-- $5 encrypt_answers boolean: null is false
-- $6 tls_floor text: modern, compatible; null is modern
-- $7 password_alphabet text: null is letters and digits
-- $8 admin_user text: null is admin
-- $9 actor_kind text
-- $10 actor_id text
-- $11 source_ip inet
-- $12 request_id text
-- -> outcome text: created, existing (the very same), name_taken, unknown_format, bad_key_type
-- -> created_at timestamptz
-- rows: 1
-- plan: insert
select outcome, created_at
from firstring.model_create($1::text, $2::text, $3::text[], $4::text, $5::boolean, $6::text,
  $7::text, $8::text, $9::text, $10::text, $11::inet, $12::text);
