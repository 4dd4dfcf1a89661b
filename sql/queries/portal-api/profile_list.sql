-- caller: portal-api worker, GET /v1/profiles
-- role: firstring_portal
-- $1 after_name text: '' is the first page
-- $2 limit bigint
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
-- plan: index scan of provisioning_profile_name_key under row-level security
select id, name, provisioning_url, fallback_urls, trust_anchors, delivery, redelivery,
  window_hours, purge_after_delivery, password_length, version, created_at, updated_at
from firstring.provisioning_profile
where itsp_id = firstring.current_itsp() and deleted_at is null and name > $1::text
order by name
limit $2::bigint;
