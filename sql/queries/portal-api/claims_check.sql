-- The checks of many claims, without taking them; the profile of each is given by id, else by name.
-- caller: portal-api job worker
-- role: firstring_portal
-- $1 macs macaddr[]: up to 5,000
-- $2 claim_codes text[]: null elements: under a ship notice, or one's own claim
-- $3 profiles text[]
-- $4 failures_allowed integer
-- $5 actor_kind text
-- $6 actor_id text
-- $7 source_ip inet
-- $8 request_id text
-- -> ordinal bigint
-- -> outcome text: as of claim_check
-- -> profile_id uuid: null for unknown_profile
-- -> provisioning_url text
-- -> fallback_urls text[]
-- -> delivery text
-- -> model text: null unless possession is proven, as what follows
-- -> format text
-- -> serial_number text
-- -> admin_user text
-- -> password_alphabet text: what the model can type; null: letters and digits
-- -> password_length integer: as the profile says; null: the portal's
-- rows: one per input row, in order
-- plan: index lookups by row, of one generic plan; the few profiles by hash or key
select c.ordinal, c.outcome, c.profile_id, c.provisioning_url, c.fallback_urls, c.delivery, c.model, c.format,
  c.serial_number, c.admin_user, c.password_alphabet, p.password_length
from firstring.claims_check($1::macaddr[], $2::text[], $3::text[], $4::integer, $5::text, $6::text, $7::inet, $8::text) c
left join firstring.provisioning_profile p on p.id = c.profile_id
order by c.ordinal;
