-- Claims a phone. Checks in this order: tenant not suspended, profile, proof of possession (own
-- live claim, live ship notice to this ITSP, or the right code for the device's epoch), holder. A
-- wrong code is a security event and is counted per ITSP; it costs the same for an unknown MAC.
-- caller: portal-api worker, PUT /v1/claims/{mac}; claim jobs
-- role: firstring_portal
-- $1 claim_id uuid: made by the caller, since sealed_password is bound to it
-- $2 mac macaddr
-- $3 claim_code text: 13 normalised symbols; null: under a ship notice
-- $4 profile_id uuid
-- $5 sealed_password bytea: key id first (common/pki/seal.h)
-- $6 failures_allowed integer: wrong codes an hour of this ITSP before rate_limited (10 or more)
-- $7 actor_kind text
-- $8 actor_id text
-- $9 source_ip inet
-- $10 request_id text
-- -> outcome text: created, same (own claim, same profile: nothing stored), claim_differs (own
--    claim, another profile), unknown_profile, itsp_suspended, rate_limited,
--    possession_not_proven, claimed_elsewhere
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
-- rows: 1; the claim's columns are null unless created, same or claim_differs
-- plan: index lookups, as many for an unknown MAC as for a known one
select outcome, retry_after_s, claim_id, mac, model, format, serial_number, profile_id, state, claimed_at, contacted_at,
  contacted_before_claim, delivered_at, armed_at, once_started_at, pending_since, version
from firstring.claim_put($1::uuid, $2::macaddr, $3::text, $4::uuid, $5::bytea, $6::integer,
  $7::text, $8::text, $9::inet, $10::text);
