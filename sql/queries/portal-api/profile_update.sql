-- Replaces a profile's fields (the caller has merged the patch). All its claims are served the new
-- values from the next lookup on.
-- caller: portal-api worker, PATCH /v1/profiles/{id}
-- role: firstring_portal
-- $1 profile_id uuid
-- $2 expected_version integer: null is any
-- $3 name text
-- $4 provisioning_url text
-- $5 fallback_urls text[]
-- $6 trust_anchors text
-- $7 delivery text
-- $8 redelivery text
-- $9 window_hours integer
-- $10 actor_kind text
-- $11 actor_id text
-- $12 source_ip inet
-- $13 request_id text
-- $14 purge_after_delivery boolean
-- $15 password_length integer: 12 to 64; null: the portal's
-- -> outcome text: updated, same, not_found, version_mismatch, name_taken, url_not_approved
-- -> version integer: null for not_found
-- -> updated_at timestamptz
-- rows: 1
-- plan: index lookup
select outcome, version, updated_at
from firstring.profile_update($1::uuid, $2::integer, $3::text, $4::text, $5::text[], $6::text,
  $7::text, $8::text, $9::integer, $10::text, $11::text, $12::inet, $13::text, $14::boolean,
  $15::integer);
