-- A person of the tenant, who sets a password by a one-time link.
-- caller: portal-api worker, POST /v1/users, tenant pool
-- role: firstring_portal
-- $1 user_id uuid
-- $2 email text: lower case
-- $3 display_name text
-- $4 role text
-- $5 link_hash bytea: SHA-256 of the one-time link's token
-- $6 link_lifetime_s integer
-- $7 actor_kind text
-- $8 actor_id text
-- $9 source_ip inet
-- $10 request_id text
-- -> outcome text: created, email_taken, bad_role
-- -> link_expires_at timestamptz
-- rows: 1
-- plan: inserts
select outcome, link_expires_at
from firstring.user_create($1::uuid, $2::text, $3::text, $4::text, $5::bytea, $6::integer,
  $7::text, $8::text, $9::inet, $10::text);
