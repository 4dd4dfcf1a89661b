-- Changes a person of anybody. Suspended: every session ends.
-- caller: portal-api worker, PATCH /v1/admin/users/{id}
-- role: firstring_admin
-- $1 user_id uuid
-- $2 expected_version integer: null is any
-- $3 display_name text: null leaves it
-- $4 role text: null leaves it
-- $5 state text: live, suspended; null leaves it
-- $6 actor_kind text
-- $7 actor_id text
-- $8 source_ip inet
-- $9 request_id text
-- -> outcome text: updated, same, not_found, version_mismatch, bad_role, own_account (role or state of the one who asks)
-- -> version integer: null for not_found
-- rows: 1
-- plan: index lookups
select outcome, version
from firstring.admin_user_patch($1::uuid, $2::integer, $3::text, $4::text, $5::text, $6::text,
  $7::text, $8::inet, $9::text);
