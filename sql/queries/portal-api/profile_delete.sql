-- caller: portal-api worker, DELETE /v1/profiles/{id}
-- role: firstring_portal
-- $1 profile_id uuid
-- $2 expected_version integer: null is any
-- $3 actor_kind text
-- $4 actor_id text
-- $5 source_ip inet
-- $6 request_id text
-- -> outcome text: deleted, not_found, version_mismatch, in_use (a claim not released names it)
-- rows: 1
-- plan: index lookup
select outcome
from firstring.profile_delete($1::uuid, $2::integer, $3::text, $4::text, $5::inet, $6::text);
