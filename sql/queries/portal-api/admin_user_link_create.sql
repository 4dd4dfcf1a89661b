-- A new one-time link for a person of anybody; an older one is gone.
-- caller: portal-api worker, POST /v1/admin/users/{id}/link
-- role: firstring_admin
-- $1 user_id uuid
-- $2 link_hash bytea: SHA-256 of the link's token
-- $3 lifetime_s integer
-- $4 resets_second_factor boolean
-- $5 actor_kind text
-- $6 actor_id text
-- $7 source_ip inet
-- $8 request_id text
-- -> outcome text: created, not_found, user_suspended
-- -> link_expires_at timestamptz
-- rows: 1
-- plan: index lookups
select outcome, link_expires_at
from firstring.admin_user_link_create($1::uuid, $2::bytea, $3::integer, $4::boolean, $5::text,
  $6::text, $7::inet, $8::text);
