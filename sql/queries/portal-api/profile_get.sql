-- caller: portal-api worker, GET /v1/profiles/{id}; checks before a claim
-- role: firstring_portal
-- $1 profile_id uuid
-- -> id uuid
-- -> name text
-- -> provisioning_url text
-- -> fallback_urls text[]
-- -> trust_anchors text
-- -> delivery text
-- -> redelivery text
-- -> window_hours integer
-- -> purge_after_delivery boolean
-- -> password_length integer: of those that are made; null: the portal's
-- -> version integer
-- -> created_at timestamptz
-- -> updated_at timestamptz
-- rows: 0 or 1
-- plan: index scan of provisioning_profile_pkey under row-level security
select id, name, provisioning_url, fallback_urls, trust_anchors, delivery, redelivery,
  window_hours, purge_after_delivery, password_length, version, created_at, updated_at
from firstring.provisioning_profile
where id = $1::uuid and deleted_at is null;
