-- claim_check for a row of a claim job, whose profile is given by id, else by name; and what the
-- profile says.
-- caller: portal-api job worker
-- role: firstring_portal
-- $1 mac macaddr
-- $2 claim_code text: 13 normalised symbols; null: under a ship notice, or one's own claim
-- $3 profile text: id or name
-- $4 failures_allowed integer
-- $5 actor_kind text
-- $6 actor_id text
-- $7 source_ip inet
-- $8 request_id text
-- -> profile_id uuid: null for unknown_profile
-- -> provisioning_url text
-- -> fallback_urls text[]
-- -> delivery text
-- -> outcome text: as of claim_check
-- -> model text
-- -> format text
-- -> serial_number text
-- -> admin_user text
-- rows: 1
-- plan: index scan of provisioning_profile by tenant; index lookups of claim_check
select p.id as profile_id, p.provisioning_url, p.fallback_urls, p.delivery, c.outcome, c.model,
  c.format, c.serial_number, c.admin_user
from (values (1)) always
left join lateral (
  select n.id, n.provisioning_url, n.fallback_urls, n.delivery
  from firstring.provisioning_profile n
  where n.itsp_id = firstring.current_itsp() and n.deleted_at is null
    and (n.id::text = lower($3::text) or n.name = $3::text)
  order by (n.id::text = lower($3::text)) desc
  limit 1) p on true
cross join lateral firstring.claim_check($1::macaddr, $2::text, p.id, $4::integer, $5::text,
  $6::text, $7::inet, $8::text) c;
