-- Claims phones for several requests of one tenant, as claim_put does for one; no row undoes another.
-- caller: portal-api worker, PUT /v1/claims/{mac}
-- role: firstring_portal
-- $1 claim_ids uuid[]: up to 5,000
-- $2 macs macaddr[]
-- $3 claim_codes text[]: null elements: under a ship notice
-- $4 profile_ids uuid[]
-- $5 sealed_passwords bytea[]
-- $6 failures_allowed integer: wrong codes an hour of this ITSP before rate_limited (10 or more)
-- $7 actor_kinds text[]
-- $8 actor_ids text[]
-- $9 source_ips text[]
-- $10 request_ids text[]
-- -> outcome text: created, same (own claim, same profile: nothing stored), claim_differs (own
--    claim, another profile), unknown_profile, itsp_suspended, rate_limited,
--    possession_not_proven, claimed_elsewhere; busy (somebody has the phone in hand: ask with claim_put)
-- -> retry_after_s integer: for rate_limited
-- -> claim_id uuid
-- -> mac macaddr
-- -> model text
-- -> format text: of the model
-- -> serial_number text
-- -> profile_id uuid
-- -> state text: live, suspended
-- -> claimed_at timestamptz
-- -> contacted_at timestamptz: the last; one before the claim counts when nobody held the phone
-- -> contacted_before_claim boolean: contacted_at is from before the claim
-- -> delivered_at timestamptz
-- -> armed_at timestamptz
-- -> once_started_at timestamptz
-- -> pending_since timestamptz: a password waits for delivery; null: none
-- -> version integer
-- rows: one per input row, in order; the claim's columns are null unless created, same or claim_differs
-- plan: index lookups and inserts by row, of one generic plan; as many for an unknown MAC as for a known one
select outcome, retry_after_s, claim_id, mac, model, format, serial_number, profile_id, state, claimed_at, contacted_at,
  contacted_before_claim, delivered_at, armed_at, once_started_at, pending_since, version
from firstring.claims_put($1::uuid[], $2::macaddr[], $3::text[], $4::uuid[], $5::bytea[], $6::integer, $7::text[],
  $8::text[], $9::text[]::inet[], $10::text[])
order by ordinal;
