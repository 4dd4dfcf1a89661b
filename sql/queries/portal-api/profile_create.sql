-- A provisioning profile. The caller has checked the URLs against the approved domains; the
-- database checks https and the host once more.
-- caller: portal-api worker, POST /v1/profiles
-- role: firstring_portal
-- $1 profile_id uuid: made by the caller
-- $2 name text
-- $3 provisioning_url text
-- $4 fallback_urls text[]
-- $5 trust_anchors text: PEM; null is none
-- $6 delivery text: direct, staged; null is direct
-- $7 redelivery text: always, once, window; null is always
-- $8 window_hours integer: null unless window
-- $9 actor_kind text
-- $10 actor_id text
-- $11 source_ip inet
-- $12 request_id text
-- $13 purge_after_delivery boolean
-- $14 password_length integer: 12 to 64; null: the portal's
-- -> outcome text: created, name_taken, url_not_approved
-- -> created_at timestamptz
-- -> version integer
-- rows: 1
-- plan: insert
select outcome, created_at, version
from firstring.profile_create($1::uuid, $2::text, $3::text, $4::text[], $5::text, $6::text,
  $7::text, $8::integer, $9::text, $10::text, $11::inet, $12::text, $13::boolean,
  $14::integer);
