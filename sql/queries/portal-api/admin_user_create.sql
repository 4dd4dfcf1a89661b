-- A person of an ITSP or of the manufacturer, who sets a password by a one-time link.
-- caller: portal-api worker, POST /v1/admin/users; portal-api bootstrap-admin
-- role: firstring_admin
-- $1 user_id uuid
-- $2 itsp_id uuid: null is the manufacturer
-- $3 email text: lower case
-- $4 display_name text
-- $5 role text
-- $6 link_hash bytea: SHA-256 of the one-time link's token
-- $7 link_lifetime_s integer
-- $8 actor_kind text
-- $9 actor_id text
-- $10 source_ip inet
-- $11 request_id text
-- -> outcome text: created, email_taken, bad_role, unknown_itsp
-- -> link_expires_at timestamptz
-- rows: 1
-- plan: inserts
select outcome, link_expires_at
from firstring.admin_user_create($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::bytea,
  $7::integer, $8::text, $9::text, $10::inet, $11::text);
