-- As claim_check, with what profile_get tells, for several requests of one tenant at once.
-- caller: portal-api worker, before claims_put
-- role: firstring_portal
-- $1 macs macaddr[]: up to 5,000
-- $2 claim_codes text[]: null elements: under a ship notice, or one's own claim
-- $3 profile_ids uuid[]
-- $4 failures_allowed integer: wrong codes an hour of this ITSP before rate_limited (10 or more)
-- $5 actor_kinds text[]
-- $6 actor_ids text[]
-- $7 source_ips text[]
-- $8 request_ids text[]
-- -> outcome text: as of claim_check
-- -> retry_after_s integer: for rate_limited
-- -> provisioning_url text: null for unknown_profile, as what follows
-- -> fallback_urls text[]
-- -> delivery text
-- -> model text: null unless possession is proven, as what follows
-- -> format text
-- -> serial_number text
-- -> admin_user text
-- -> password_alphabet text
-- -> password_length integer: as the profile says; null: the portal's
-- rows: one per input row, in order
-- plan: index lookups by row, of one generic plan; as many for an unknown MAC as for a known one
select c.outcome, c.retry_after_s, c.provisioning_url, c.fallback_urls, c.delivery, c.model, c.format, c.serial_number,
  c.admin_user, c.password_alphabet, p.password_length
from firstring.claims_check_each($1::macaddr[], $2::text[], $3::uuid[], $4::integer, $5::text[], $6::text[],
  $7::text[]::inet[], $8::text[]) c
left join firstring.provisioning_profile p on p.id = ($3::uuid[])[c.ordinal]
order by c.ordinal;
